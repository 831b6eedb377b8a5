"""Streams the files of a multipart body to staging while hashing them, every limit enforced as the bytes arrive.

Nothing a client says is believed: sizes are counted, and a file's name is kept as text and never becomes a
path. werkzeug's own form parser is not used because it would hold every file open and hash none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio import multipart

from api.staging import StagedFile, Staging, durable_file
from shared.errors import ClientTooSlow, InvalidRequest, LimitExceeded, MalformedBody
from shared.settings import Settings

_READ_BYTES = 256 * 1024
# Fields beside the files.
_FIELDS = frozenset({"name", "metadata"})
_MAX_FIELDS = 2 * len(_FIELDS)


@dataclass
class Upload:
    """What one multipart body held."""

    files: list[StagedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


def receive(body: IO[bytes], *, boundary: bytes, staging: Staging, settings: Settings) -> Upload:
    """Read a multipart/form-data body (RFC 7578): parts named `files` to staging, the others as text fields.

    Raises MalformedBody, InvalidRequest or LimitExceeded; the caller's `Staging` then removes what was
    written.
    """
    upload = Upload()
    events = _events(body, boundary=boundary, settings=settings)
    for event in events:
        if isinstance(event, multipart.File):
            _receive_file(event, events, upload=upload, staging=staging, settings=settings)
        elif isinstance(event, multipart.Field):
            _receive_field(event, events, upload=upload, settings=settings)
    return upload


def _events(body: IO[bytes], *, boundary: bytes, settings: Settings) -> Iterator[multipart.Event]:
    decoder = multipart.MultipartDecoder(boundary, max_parts=settings.max_files_per_batch + _MAX_FIELDS)
    received = 0
    try:
        while True:
            chunk = _read(body, settings=settings)
            received += len(chunk)
            if received > settings.max_batch_bytes:
                raise LimitExceeded(
                    f"The body is larger than {settings.max_batch_bytes} bytes.",
                    limit="max_batch_bytes",
                    value=settings.max_batch_bytes,
                )
            decoder.receive_data(chunk or None)
            event = decoder.next_event()
            while not isinstance(event, multipart.NeedData):
                if isinstance(event, multipart.File | multipart.Field):
                    _check_framing(sum(len(line) for header in event.headers for line in header), settings=settings)
                yield event
                if isinstance(event, multipart.Epilogue):
                    return
                event = decoder.next_event()
            # Of files nothing waits in the buffer but what may be the beginning of a boundary.
            _check_framing(len(decoder.buffer), settings=settings)
    except RequestEntityTooLarge as error:
        raise _too_many_files(settings) from error
    except ValueError as error:
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


def _check_framing(size_bytes: int, *, settings: Settings) -> None:
    if size_bytes > settings.max_part_header_bytes:
        raise LimitExceeded(
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


def _receive_file(
    part: multipart.File,
    events: Iterator[multipart.Event],
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
    digest, size = hashlib.sha256(), 0
    with durable_file(path) as file:
        for data in _part_data(events):
            size += len(data)
            if size > settings.max_file_bytes:
                raise LimitExceeded(
                    f"File {len(upload.files)} (counted from 0) is larger than {settings.max_file_bytes} bytes.",
                    limit="max_file_bytes",
                    value=settings.max_file_bytes,
                )
            digest.update(data)
            file.write(data)
    if not part.filename and not size:
        path.unlink()  # what a browser sends for a file input that was left empty
        return
    upload.files.append(StagedFile(part.filename, path, size, digest.hexdigest()))


def _receive_field(
    part: multipart.Field, events: Iterator[multipart.Event], *, upload: Upload, settings: Settings
) -> None:
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
    limit = max(settings.max_metadata_bytes, 4 * settings.max_name_chars)
    value = bytearray()
    for data in _part_data(events):
        value += data
        if len(value) > limit:
            raise LimitExceeded(
                f"The form field {str(part.name)[:100]!r} is larger than {limit} bytes.",
                limit="max_metadata_bytes",
                value=settings.max_metadata_bytes,
            )
    try:
        upload.fields[str(part.name)] = value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The form field {str(part.name)[:100]!r} is not UTF-8.") from error


def _part_data(events: Iterator[multipart.Event]) -> Iterator[bytes]:
    for event in events:
        assert isinstance(event, multipart.Data)
        yield event.data
        if not event.more_data:
            return
