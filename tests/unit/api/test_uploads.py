"""What a file begins with is known however its bytes arrive: its format decides whether a patient's name is kept."""

import io
import zipfile
from pathlib import Path

import pytest

from api.archives import Budget, unpack
from api.idempotency import fingerprint
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
    return body_of_named({b"%d" % number: data for number, data in enumerate(files)})


def body_of_named(files: dict[bytes, bytes]) -> bytes:
    parts = (
        b"--%b\r\nContent-Disposition: form-data; name=files; filename=%b\r\n\r\n%b\r\n" % (BOUNDARY, name, data)
        for name, data in files.items()
    )
    return b"".join(parts) + b"--%b--\r\n" % BOUNDARY


@pytest.mark.parametrize("most", [1, 7, HEAD_BYTES, 1 << 20])
def test_the_first_bytes_are_kept_whatever_pieces_they_come_in(tmp_path: Path, most: int) -> None:
    files = [bytes(range(256)) * 3, b"short", b""]
    with Staging(tmp_path, name="one") as staging:
        upload = receive(Trickle(body_of(*files), most), boundary=BOUNDARY, staging=staging, settings=Settings())
        assert [file.head for file in upload.files] == [data[:HEAD_BYTES] for data in files]
        assert [file.path.read_bytes() for file in upload.files] == files


def test_of_a_name_that_is_too_long_the_beginning_is_kept(tmp_path: Path) -> None:
    """As much as tells that it is too long; what was sent can still be told from what has another end."""
    names = [b"n" * 250, b"n" * 256, b"n" * 10_000, b"n" * 9_999 + b"m"]
    uploads = []
    for number, name in enumerate(names):
        with Staging(tmp_path, name=str(number)) as staging:
            body = io.BytesIO(body_of_named({name: b""}))
            uploads.append(receive(body, boundary=BOUNDARY, staging=staging, settings=Settings()))
    assert [len(upload.files[0].filename) for upload in uploads] == [250, 256, 256, 256]
    assert len({fingerprint(upload) for upload in uploads}) == len(names)


def test_so_it_is_in_an_archive(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("n" * 10_000, b"x")
    with Staging(tmp_path, name="one") as staging:
        body = io.BytesIO(body_of(packed.getvalue()))
        upload = receive(body, boundary=BOUNDARY, staging=staging, settings=Settings())
        (member,) = unpack(upload.files[0], staging=staging, budget=Budget(1_000), settings=Settings())
    assert member.filename == "n" * 256
