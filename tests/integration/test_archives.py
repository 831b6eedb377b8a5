"""ZIP archives as uploads: members as scans, and nothing believed that an archive says of itself."""

from __future__ import annotations

import errno
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from api.services import Services
from shared.settings import Settings
from tests.integration.submissions import png, submit, upload
from tests.integration.test_api import assert_problem, nothing_stored, scans_of


def pack(members: dict[str, bytes], **options: Any) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def outcome(client: FlaskClient, archive: bytes) -> dict[str, str | None]:
    scans = scans_of(client, submit(client, upload("a.zip", archive), upload("beside.png")))
    assert scans[-1]["filename"] == "beside.png"
    assert scans[-1]["state"] == "queued"
    assert all((scan["state"] == "queued") == (scan["code"] is None) for scan in scans)
    return {scan["filename"]: scan["code"] for scan in scans[:-1]}


def test_members_are_scans_with_their_paths(client: FlaskClient, settings: Settings) -> None:
    found = outcome(client, pack({"one/a.png": png(1), "two/a.png": png(2), "empty/": b"", "notes.txt": b"text"}))
    assert found == {"one/a.png": None, "two/a.png": None, "notes.txt": None}
    kept = sorted(path.read_bytes() for path in settings.data_dir.glob("uploads/*/*"))
    assert kept == sorted([png(1), png(2), b"text", png()])


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/x", "a/../../x", "a\x00.png", "\x00a.png", "", "n" * 300])
def test_a_name_that_reaches_out_is_rejected_alone(client: FlaskClient, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name  # past ZipInfo's own cleaning
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, b"x")
        archive.writestr("good.png", png())
    assert list(outcome(client, packed.getvalue()).values()) == ["invalid_filename", None]


def test_a_full_disk_is_no_fault_of_a_member(
    client: FlaskClient, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("api.archives.open", full, raising=False)
    response = submit(client, upload("a.zip", pack({"a.png": png()})))
    assert_problem(response, 503, "storage_full")
    assert int(response.headers["Retry-After"]) > 0
    assert nothing_stored(settings, engine)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_database_is_told_as_a_full_disk(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    own: Engine = client.application.extensions[Services.EXTENSION].engine
    event.listen(own, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 1"))
    own.dispose()
    response = submit(client, upload("a.zip", pack({f"{n}.png": b"x" for n in range(300)})))
    assert_problem(response, 503, "storage_full")
    assert nothing_stored(settings, engine)


def test_a_link_is_rejected_alone(client: FlaskClient) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", png())
    assert outcome(client, packed.getvalue()) == {"link": "link_in_archive", "good.png": None}


def test_a_nested_archive_is_rejected_alone(client: FlaskClient) -> None:
    nested = pack({"inner.zip": pack({"a.png": png()}), "good.png": png()})
    assert outcome(client, nested) == {"inner.zip": "nested_archive", "good.png": None}


def test_a_bomb_is_stopped_at_the_limits_and_its_neighbours_stay(
    client_with: Callable[..., FlaskClient], settings: Settings
) -> None:
    client = client_with(max_file_bytes=4_000_000)
    bomb = pack({"zeros": bytes(3_500_000), "more": bytes(30_000_000), "good.png": png()}, compresslevel=9)
    assert outcome(client, bomb) == {"zeros": "suspicious_ratio", "more": "member_too_large", "good.png": None}
    assert sum(path.stat().st_size for path in settings.data_dir.glob("uploads/*/*")) < 200_000
    large = pack({"large": bytes(range(256)) * 20_000, "good.png": png()}, compresslevel=9)
    assert outcome(client_with(max_file_bytes=6_000_000, max_archive_ratio=10**6), large)["large"] is None
    too_large = pack({"a": zlib.compress(png()) + bytes(4_100_000), "good.png": png()}, compresslevel=9)
    assert outcome(client_with(max_file_bytes=4_000_000, max_archive_ratio=10**6), too_large)["a"] == "member_too_large"


def test_a_batch_may_not_grow_past_its_limit_by_unpacking(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_batch_bytes=1_500_000, max_archive_ratio=10**6)
    archive = pack({"a": bytes(900_000), "b": bytes(900_000), "c": b"x"}, compresslevel=9)
    assert outcome(client, archive) == {"a": None, "b": "batch_too_large", "c": "batch_too_large"}


def test_overlapping_members_are_rejected(client: FlaskClient) -> None:
    packed = pack({"a": b"x" * 1000, "b": b"y" * 1000, "good.png": png()})
    directory = packed.index(b"PK\x01\x02")
    second = packed.index(b"PK\x01\x02", directory + 1)
    forged = packed[: second + 42] + struct.pack("<L", 0) + packed[second + 46 :]
    assert outcome(client, forged) == {"a": "overlapping_member", "b": "overlapping_member", "good.png": None}


@pytest.mark.parametrize(("size", "code"), [(1, "broken_member"), (2**31, None)])
def test_a_forged_size_is_not_believed(client: FlaskClient, size: int, code: str | None) -> None:
    packed = pack({"a": b"x" * 1000, "good.png": png()})
    at = packed.index(b"PK\x01\x02") + 24
    forged = packed[:at] + struct.pack("<L", size) + packed[at + 4 :]
    assert outcome(client, forged) == {"a": code, "good.png": None}


def test_too_many_members_are_counted_before_they_are_listed(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_archive_members=5)
    assert outcome(client, pack({f"{n}.png": b"x" for n in range(6)})) == {"a.zip": "too_many_members"}
    assert len(outcome(client, pack({f"{n}.png": b"x" for n in range(5)}))) == 5


def test_a_directory_that_is_larger_than_names_can_be_is_not_read(client: FlaskClient) -> None:
    """Names, extra fields and comments of 64 KB each would all be kept in memory."""
    assert outcome(client, commented(5, b"x" * 60_000)) == {"a.zip": "directory_too_large"}
    assert len(outcome(client, commented(5, b"x" * 1_000))) == 5


def commented(members: int, comment: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(members):
            info = zipfile.ZipInfo(f"{number}.png")
            info.comment = comment
            archive.writestr(info, b"x")
    return packed.getvalue()


def test_members_count_as_files_of_the_batch(client_with: Callable[..., FlaskClient], settings: Settings) -> None:
    client = client_with(max_files_per_batch=4)
    response = submit(client, upload("a.zip", pack({f"{n}.png": b"x" for n in range(5)})))
    assert assert_problem(response, 413, "limit_exceeded")["limit"] == "max_files_per_batch"
    assert not list(settings.data_dir.glob("*/*/*"))


def test_what_is_no_archive_after_all_is_one_rejected_scan(client: FlaskClient) -> None:
    assert outcome(client, b"PK\x03\x04 nonsense") == {"a.zip": "broken_archive"}
    assert outcome(client, pack({})) == {"a.zip": "empty_archive"}
    assert outcome(client, pack({"a": b"x"})[:40]) == {"a.zip": "broken_archive"}


def test_an_encrypted_member_is_rejected_alone(client: FlaskClient) -> None:
    packed = bytearray(pack({"a": b"x", "good.png": png()}))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    packed[packed.index(b"PK\x03\x04") + 6] |= 1
    assert outcome(client, bytes(packed)) == {"a": "encrypted_member", "good.png": None}


def test_two_members_of_one_name_are_two_scans(client: FlaskClient) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.png", png(1))
        archive.writestr("a.png", png(2))
    scans = scans_of(client, submit(client, upload("a.zip", packed.getvalue())))
    assert [scan["filename"] for scan in scans] == ["a.png", "a.png"]


def test_one_member_listed_thousands_of_times_is_too_many(client_with: Callable[..., FlaskClient]) -> None:
    packed = pack({"a.png": png()})
    directory = packed.index(b"PK\x01\x02")
    entry = packed[directory : packed.index(b"PK\x05\x06")]
    forged = packed[:directory] + entry * 5_000 + packed[directory + len(entry) :]
    assert outcome(client_with(max_archive_members=4_000), forged) == {"a.zip": "too_many_members"}


def test_an_entry_is_counted_wherever_it_lies(client_with: Callable[..., FlaskClient]) -> None:
    """Also where it lies across two of the pieces in which the file is read."""
    client = client_with(max_archive_members=1)
    for before in range(256 * 1024 - 8, 256 * 1024 + 2):
        archive = b"PK\x03\x04".ljust(before, b"x") + b"PK\x01\x02" * 2
        response = client.post("/v1/batches?dry_run=1", data={"files": upload("a.zip", archive)})
        assert response.get_json()["files"][0]["code"] == "too_many_members"


ZIP64_LIE = struct.pack("<HHQQQ", 1, 24, 2**63 - 1, 2**63 - 1, 2**63 - 1)


@pytest.mark.parametrize(
    "extra",
    [
        ZIP64_LIE,
        struct.pack("<HHQ", 1, 8, 2**64 - 1),
        struct.pack("<HH", 1, 65_535),
        struct.pack("<HH", 1, 2) + b"x",
        struct.pack("<HHBL", 0x7075, 20, 1, 0) + b"../../etc/passwd",
    ],
)
def test_extra_fields_that_lie_harm_no_more_than_their_archive(client: FlaskClient, extra: bytes) -> None:
    """ZIP64 sizes and offsets beyond the file, fields longer than themselves, another name (APPNOTE 4.5, 4.6.9)."""
    packed = pack({"a": b"x" * 1000, "good.png": png()})
    at = packed.index(b"PK\x01\x02")
    forged = bytearray(packed)
    forged[at + 20 : at + 28] = b"\xff" * 8
    forged[at + 30 : at + 32] = struct.pack("<H", len(extra))
    forged[at + 42 : at + 46] = b"\xff" * 4
    forged[at + 47 : at + 47] = extra
    end = forged.index(b"PK\x05\x06")
    forged[end + 12 : end + 16] = struct.pack("<L", end - at)
    found = outcome(client, bytes(forged))
    assert found in (
        {"a.zip": "broken_archive"},
        {"a": "broken_member", "good.png": None},
        {"a": None, "good.png": None},
    )


def test_a_zip64_directory_that_lies_is_one_rejected_scan(client: FlaskClient) -> None:
    packed = pack({"a": b"x", "good.png": png()})
    end = packed.index(b"PK\x05\x06")
    record = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 2**62, 2**62, 2**62, 2**62)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1)
    forged = packed[:end] + record + locator + packed[end : end + 8] + b"\xff" * 12 + packed[end + 20 :]
    assert outcome(client, forged) == {"a.zip": "broken_archive"}


def test_members_may_lie_behind_one_another_in_any_order(client: FlaskClient) -> None:
    """The directory's order is the scans'; nothing depends on where the bytes lie."""
    packed = pack({"b.png": png(1), "a.png": png(2)})
    directory = packed.index(b"PK\x01\x02")
    second = packed.index(b"PK\x01\x02", directory + 1)
    end = packed.index(b"PK\x05\x06")
    turned = packed[:directory] + packed[second:end] + packed[directory:second] + packed[end:]
    assert list(outcome(client, turned)) == ["a.png", "b.png"]


def test_an_archive_behind_a_picture_stays_a_picture(client: FlaskClient) -> None:
    """One reading of a file that is two things: by its first bytes."""
    found = outcome(client, png() + pack({"hidden.png": png(1)}))
    assert found == {"a.zip": None}


def test_an_archive_is_no_picture_however_it_is_called(client: FlaskClient) -> None:
    scans = scans_of(client, submit(client, upload("picture.png", pack({"inside.png": png()}))))
    assert [scan["filename"] for scan in scans] == ["inside.png"]


@pytest.mark.parametrize("flag", [0x40, 0x2000, 0x20])
def test_a_member_packed_in_a_way_that_is_not_read_is_rejected_alone(client: FlaskClient, flag: int) -> None:
    """Strong encryption, a masked header, patched data."""
    packed = bytearray(pack({"a": b"x", "good.png": png()}))
    for signature, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        where = packed.index(signature) + at
        packed[where : where + 2] = struct.pack("<H", flag)
    found = outcome(client, bytes(packed))
    assert found["good.png"] is None
    assert found["a"] in {"broken_member", "encrypted_member", None}


def test_an_archive_cut_at_any_byte_is_refused_or_read_by_its_members(client: FlaskClient) -> None:
    packed = pack({"a.txt": b"hello " * 20})
    files = [upload(f"{cut}.zip", packed[:cut]) for cut in range(4, len(packed))]
    scans = scans_of(client, submit(client, *files))
    codes = {scan["code"] for scan in scans}
    assert codes <= {"broken_archive", "broken_member"}
    assert None not in codes
