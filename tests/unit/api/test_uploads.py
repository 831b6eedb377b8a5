"""What a file begins with is known however its bytes arrive: its format decides whether a patient's name is kept."""

import io
from pathlib import Path

import pytest

from api.staging import Staging
from api.uploads import receive
from shared.dicom_elements import HEAD_BYTES
from shared.settings import Settings

BOUNDARY = b"between"


class Trickle(io.BytesIO):
    """A body of which each read brings `most` bytes."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most)


def body_of(*files: bytes) -> bytes:
    parts = (
        b"--%b\r\nContent-Disposition: form-data; name=files; filename=%d\r\n\r\n%b\r\n" % (BOUNDARY, number, data)
        for number, data in enumerate(files)
    )
    return b"".join(parts) + b"--%b--\r\n" % BOUNDARY


@pytest.mark.parametrize("most", [1, 7, HEAD_BYTES, 1 << 20])
def test_the_first_bytes_are_kept_whatever_pieces_they_come_in(tmp_path: Path, most: int) -> None:
    files = [bytes(range(256)) * 3, b"short", b""]
    with Staging(tmp_path, name="one") as staging:
        upload = receive(Trickle(body_of(*files), most), boundary=BOUNDARY, staging=staging, settings=Settings())
        assert [file.head for file in upload.files] == [data[:HEAD_BYTES] for data in files]
        assert [file.path.read_bytes() for file in upload.files] == files
