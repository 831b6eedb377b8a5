"""Streams the files of a multipart body to staging while hashing them, every limit enforced as the bytes arrive.

Nothing a client says is believed: sizes are counted, and a file's name is kept as text and never becomes a
path. werkzeug's own form parser is not used because it would hold every file open and hash none, and searches for
boundaries six times as long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TypeAlias

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.http import parse_options_header

from api.staging import StagedFile, Staging
from shared.dicom_elements import HEAD_BYTES
from shared.errors import ClientTooSlow, InvalidRequest, LimitExceeded, MalformedBody
from shared.settings import Settings

_READ_BYTES = 256 * 1024
# Fields beside the files.
_FIELDS = frozenset({"name", "metadata"})
_MAX_FIELDS = 2 * len(_FIELDS)
_MOST_BYTES_A_CHAR = 4  # of UTF-8
_Event: TypeAlias = MultipartSegment | bytes | None


@dataclass
class Upload:
    """What one multipart body held."""

    files: list[StagedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    parts: int = 0


def receive(body: IO[bytes], *, boundary: bytes, staging: Staging, settings: Settings) -> Upload:
    """Read a multipart/form-data body (RFC 7578): parts named `files` to staging, the others as text fields.

    Raises MalformedBody, InvalidRequest or LimitExceeded; the caller's `Staging` then removes what was
    written.
    """
    upload = Upload()
    events = _events(body, boundary=boundary, settings=settings)
    for part in events:
        assert isinstance(part, MultipartSegment)
        _check_part(part, upload=upload, settings=settings)
        if (filename := _filename(part)) is not None:
            _receive_file(part, filename, events, upload=upload, staging=staging, settings=settings)
        else:
            _receive_field(part, events, upload=upload, settings=settings)
    return upload


def check_size(body_bytes: int, *, settings: Settings) -> None:
    """Raise LimitExceeded where a body of that size is too large."""
    if body_bytes > settings.max_batch_bytes:
        raise LimitExceeded(
            f"The body is larger than {settings.max_batch_bytes} bytes.",
            limit="max_batch_bytes",
            value=settings.max_batch_bytes,
        )


def _events(body: IO[bytes], *, boundary: bytes, settings: Settings) -> Iterator[_Event]:
    """Of each part its headers, its bytes in pieces, and None at its end."""
    received = outside = 0
    try:
        with PushMultipartParser(boundary, max_header_size=settings.max_part_header_bytes) as parser:
            while chunk := _read(body, settings=settings):
                received += len(chunk)
                check_size(received, settings=settings)
                events = 0
                for event in parser.parse(chunk):
                    events += 1
                    yield event
                # Of files nothing is held back but what may be the beginning of a boundary.
                outside = 0 if events else outside + len(chunk)
                _check_framing(outside, settings=settings)
    except ParserLimitReached as error:
        raise _too_much_framing(settings) from error
    except MultipartError as error:
        raise MalformedBody("The multipart body is broken or ends early; nothing was stored.") from error


def _read(body: IO[bytes], *, settings: Settings) -> bytes:
    """The next bytes; none at the end. Servers raise errors of many kinds for a body that breaks off or is ill-made."""
    try:
        return body.read(_READ_BYTES)
    except TimeoutError as error:
        limit = settings.max_client_pause_s
        raise ClientTooSlow(
            f"The request kept the service waiting for over {limit} s and sent less than"
            f" min_client_bytes_per_s = {settings.min_client_bytes_per_s} beside; nothing was stored.",
            limit="max_client_pause_s",
            value=limit,
        ) from error
    except Exception as error:
        raise MalformedBody("The body broke off or its framing is ill-formed; nothing was stored.") from error


def _check_part(part: MultipartSegment, *, upload: Upload, settings: Settings) -> None:
    _check_framing(sum(len(name) + len(value) for name, value in part.headerlist), settings=settings)
    if part.disposition is None:
        raise MalformedBody("A part of the multipart body has no Content-Disposition; nothing was stored.")
    upload.parts += 1
    if upload.parts > settings.max_files_per_batch + _MAX_FIELDS:
        raise _too_many_files(settings)


def _check_framing(size_bytes: int, *, settings: Settings) -> None:
    if size_bytes > settings.max_part_header_bytes:
        raise _too_much_framing(settings)


def _too_much_framing(settings: Settings) -> LimitExceeded:
    return LimitExceeded(
        "The headers of a part, or what stands before the first boundary or after the last, are larger than"
        f" {settings.max_part_header_bytes} bytes.",
        limit="max_part_header_bytes",
        value=settings.max_part_header_bytes,
    )


def _too_many_files(settings: Settings) -> LimitExceeded:
    return LimitExceeded(
        f"A batch takes at most {settings.max_files_per_batch} files.",
        limit="max_files_per_batch",
        value=settings.max_files_per_batch,
    )


def _filename(part: MultipartSegment) -> str | None:
    """A file's name, as browsers and as other clients quote it.

    `%22` is undone by the parser (RFC 7578, WHATWG), and so are backslashes where one quotes a quote. Elsewhere two
    are one: browsers double none, httpx and Go each, after the quoted strings of RFC 2183. RFC 7578 forbids
    `filename*`, but urllib3 sent it for names beyond ASCII.
    """
    disposition = part.header("Content-Disposition")
    if part.filename is None and "filename*" in disposition:
        return parse_options_header(disposition)[1].get("filename")
    filename: str | None = part.filename
    return filename if filename is None or '\\"' in disposition else filename.replace("\\\\", "\\")


def _receive_file(
    part: MultipartSegment,
    filename: str,
    events: Iterator[_Event],
    *,
    upload: Upload,
    staging: Staging,
    settings: Settings,
) -> None:
    if part.name != "files":
        raise InvalidRequest(
            f"Files go into the form field 'files', not {str(part.name)[:100]!r}.", code="unexpected_field"
        )
    if len(upload.files) >= settings.max_files_per_batch:
        raise _too_many_files(settings)
    path = staging.next_file()
    digest, size, head = hashlib.sha256(), 0, b""
    with open(path, "wb") as file:
        for data in _part_data(events):
            size += len(data)
            if size > settings.max_file_bytes:
                raise LimitExceeded(
                    f"File {len(upload.files)} (counted from 0) is larger than {settings.max_file_bytes} bytes.",
                    limit="max_file_bytes",
                    value=settings.max_file_bytes,
                )
            if len(head) < HEAD_BYTES:
                head += data[: HEAD_BYTES - len(head)]
            digest.update(data)
            file.write(data)
    if not filename and not size:
        path.unlink()  # what a browser sends for a file input that was left empty
        return
    name, cut_sha256 = _cut(filename, settings=settings)
    upload.files.append(StagedFile(name, str(path), size, digest.hexdigest(), head, cut_name_sha256=cut_sha256))


def _cut(filename: str, *, settings: Settings) -> tuple[str, str]:
    """As much of a name as tells that it is too long, and the hash of one that was cut."""
    most = settings.max_filename_chars + 1
    if len(filename) <= most:
        return filename, ""
    return filename[:most], hashlib.sha256(filename.encode("utf-8", "surrogatepass")).hexdigest()


def _receive_field(part: MultipartSegment, events: Iterator[_Event], *, upload: Upload, settings: Settings) -> None:
    if part.name == "files":
        raise InvalidRequest(
            "A part named 'files' has no filename, so it is no file; send it as a file.", code="not_a_file"
        )
    if part.name not in _FIELDS:
        known = " and ".join(sorted(_FIELDS))
        raise InvalidRequest(
            f"There is no form field {str(part.name)[:100]!r}; beside 'files' there are {known}.",
            code="unexpected_field",
        )
    if part.name in upload.fields:
        raise InvalidRequest(f"The form field {part.name!r} is given twice.", code="duplicate_field")
    limit = "max_name_chars" if part.name == "name" else "max_metadata_bytes"
    allowed: int = getattr(settings, limit)
    # A little over is told more exactly once the field is whole.
    most_bytes = max(settings.max_metadata_bytes, _MOST_BYTES_A_CHAR * settings.max_name_chars)
    value = bytearray()
    for data in _part_data(events):
        value += data
        if len(value) > most_bytes:
            message = f"The form field {part.name!r} is larger than {most_bytes} bytes; {limit} is {allowed}."
            raise LimitExceeded(message, limit=limit, value=allowed)
    try:
        upload.fields[str(part.name)] = value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The form field {str(part.name)[:100]!r} is not UTF-8.") from error


def _part_data(events: Iterator[_Event]) -> Iterator[bytes]:
    for event in events:
        if event is None:
            return
        assert not isinstance(event, MultipartSegment)
        yield event
