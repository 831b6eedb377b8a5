"""Opens ZIP archives that were uploaded: each member becomes a file of the batch.

Nothing that an archive says of itself is believed. Members are counted and their list is measured before it is read,
bytes are counted while they are unpacked, and what would reach outside (links, absolute and climbing names) or repeat
the same bytes (overlapping members, Fifield 2019) is turned away alone: the good members beside it stay.
"""

from __future__ import annotations

import errno
import hashlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api.staging import Fault, StagedFile, Staging
from shared.dicom_elements import HEAD_BYTES
from shared.settings import Settings

_ARCHIVE_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER_BYTES = 30
_ENTRY_BYTES = 46
_MOST_BYTES_A_CHAR = 4  # of UTF-8
_REMARKS_BYTES = 1024  # extra fields and comment of a member; packers write some dozens
_READ_BYTES = 256 * 1024
# Below this much a high ratio is harmless: a blank picture is nearly nothing when packed.
_RATIO_COUNTS_FROM_BYTES = 1024 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    LookupError,
    ArithmeticError,
)
_OUR_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}


class _MemberError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(code, message)


class _LargeDirectoryError(Exception):
    pass


class _Archive(io.BufferedReader):
    """A file that gives no more than so much at once: zipfile reads a directory whole, be it as large as the file."""

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        super().__init__(io.FileIO(path))
        self._most_bytes = most_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most_bytes:
            raise _LargeDirectoryError
        return super().read(size)


@dataclass
class Budget:
    """Bytes that a batch may still hold while its archives are unpacked."""

    size_bytes: int


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so begins like a ZIP archive."""
    return head.startswith(_ARCHIVE_MAGICS)


def unpack(archive: StagedFile, *, staging: Staging, budget: Budget, settings: Settings) -> Iterator[StagedFile]:
    """The members of an archive as files of their own, in its order; the archive itself as a fault if it is none."""
    limit = settings.max_archive_members
    entries = _count_entries(archive.path, up_to=limit + 1)
    if entries > limit:
        message = f"The archive holds more than max_archive_members = {limit} files."
        yield archive.refused(Fault("too_many_members", message))
        return
    with _Archive(archive.path, most_bytes=_most_directory_bytes(entries, settings=settings)) as file:
        opened = _listed(file)
        if isinstance(opened, Fault):
            yield archive.refused(opened)
            return
        # Not `is_dir()`: of a name that is empty, or was cut to nothing at a NUL, it is an IndexError.
        members = [info for info in opened.infolist() if not info.filename.endswith("/")]
        if not members:
            yield archive.refused(Fault("empty_archive", "The ZIP archive holds no file."))
        overlapping = _overlapping(members)
        for info in members:
            yield _unpack_member(
                opened, info, overlaps=id(info) in overlapping, staging=staging, budget=budget, settings=settings
            )


def _count_entries(path: Path, *, up_to: int) -> int:
    """Count the directory's entries without building them; a forged total cannot hide one."""
    entries, end = 0, b""
    with open(path, "rb") as file:
        while entries < up_to and (data := file.read(_READ_BYTES)):
            entries += (end + data).count(_DIRECTORY_ENTRY)
            end = data[1 - len(_DIRECTORY_ENTRY) :]
    return entries


def _most_directory_bytes(entries: int, *, settings: Settings) -> int:
    """What the directory of so many members may take; as much as is read of a member at once always."""
    names_bytes = _MOST_BYTES_A_CHAR * settings.max_filename_chars
    return max(_READ_BYTES, entries * (_ENTRY_BYTES + names_bytes + _REMARKS_BYTES))


def _listed(file: _Archive) -> zipfile.ZipFile | Fault:
    try:
        return zipfile.ZipFile(file)
    except _LargeDirectoryError:
        message = "The list of the archive's members is far larger than their names can be."
        return Fault("directory_too_large", message)
    except _BROKEN:
        return Fault("broken_archive", "The ZIP archive is broken or ends early.")


def _overlapping(members: list[zipfile.ZipInfo]) -> set[int]:
    """The `id()` of each member whose bytes reach into the next one's, or begin within the one before."""
    found: set[int] = set()
    end, previous = 0, None
    for info in sorted(members, key=lambda member: member.header_offset):
        if previous is not None and info.header_offset < end:
            found |= {id(info), id(previous)}
        end = max(end, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size)
        previous = info
    return found


def _unpack_member(
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    *,
    overlaps: bool,
    staging: Staging,
    budget: Budget,
    settings: Settings,
) -> StagedFile:
    # zipfile cuts a name at its first NUL; what was really sent is judged, of one that is too long its beginning.
    name = info.orig_filename[: settings.max_filename_chars + 1]
    target = StagedFile(name, str(staging.next_file()), size_bytes=0, sha256="", head=b"")
    try:
        _check_member(info, overlaps=overlaps)
        return _write_member(opened, info, target=target, budget=budget, settings=settings)
    except _MemberError as error:
        target.path.unlink(missing_ok=True)
        return target.refused(error.fault)
    except _BROKEN as error:
        target.path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _OUR_DISK:
            raise  # no fault of the member: the whole submission fails, and may be sent again
        return target.refused(Fault("broken_member", "This member of the archive is broken or not what it says."))


def _check_member(info: zipfile.ZipInfo, *, overlaps: bool) -> None:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _MemberError("link_in_archive", "The member is a link, not a file.")
    if info.flag_bits & 0x1:
        raise _MemberError("encrypted_member", "The member is encrypted.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _MemberError("unsupported_compression", "Members are read if stored or deflated.")
    if overlaps:
        raise _MemberError("overlapping_member", "The member shares its bytes with another one.")


def _write_member(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, *, target: StagedFile, budget: Budget, settings: Settings
) -> StagedFile:
    digest, size, head = hashlib.sha256(), 0, b""
    with opened.open(info) as packed, open(target.path, "wb") as file:
        while data := packed.read(_READ_BYTES):
            if not size and is_archive(head := data[:HEAD_BYTES]):
                raise _MemberError("nested_archive", "An archive within an archive is not opened.")
            size += len(data)
            budget.size_bytes -= len(data)
            _check_size(size, info=info, budget=budget, settings=settings)
            digest.update(data)
            file.write(data)
    return StagedFile(target.filename, target.place, size, digest.hexdigest(), head)


def _check_size(size: int, *, info: zipfile.ZipInfo, budget: Budget, settings: Settings) -> None:
    if size > settings.max_file_bytes:
        raise _MemberError("member_too_large", f"The member is larger than max_file_bytes = {settings.max_file_bytes}.")
    if budget.size_bytes < 0:
        raise _MemberError(
            "batch_too_large", f"The unpacked batch is larger than max_batch_bytes = {settings.max_batch_bytes}."
        )
    allowed = settings.max_archive_ratio * max(info.compress_size, 1)
    if size > _RATIO_COUNTS_FROM_BYTES and size > allowed:
        limit = settings.max_archive_ratio
        raise _MemberError("suspicious_ratio", f"It unpacks to over max_archive_ratio = {limit} times its size.")
