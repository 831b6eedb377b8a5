"""The use cases around a scan: look it up, draw its pictures."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

import numpy as np
from PIL import Image

from api.callers import Caller
from api.scan_queries import WITH_RESULT
from api.services import Services
from shared.db.models import Prediction, Scan
from shared.db.session import reading
from shared.domain import UNFINISHED
from shared.errors import Conflict, InvalidScan, NotFound
from shared.heatmaps import Frame, lay_out_in_strips

# What a worker found to break the limits of decoding is not tried again for everyone who looks.
_COSTLY = {"decode_limit", "decoder_crashed"}
_STRIP_PX = 64  # rows of a map: at most 2 MiB
_FLOATS = np.dtype("<f4")


def find_scan(services: Services, caller: Caller, scan_id: UUID) -> Scan:
    """One scan of the caller's project with its result and attempts; NotFound if there is none."""
    with reading(services.engine) as session:
        scan = session.get(Scan, scan_id, options=WITH_RESULT)
    if scan is None or scan.project != caller.project:
        raise NotFound("There is no such scan.")
    return scan


def find_prediction(services: Services, caller: Caller, scan_id: UUID) -> Prediction:
    """The result of a scan; NotFound for an unknown scan, Conflict where there is no result (yet)."""
    scan = find_scan(services, caller, scan_id)
    if scan.prediction is not None:
        return scan.prediction
    if scan.state in UNFINISHED:
        raise Conflict(f"The scan is still {scan.state}; it has no heatmap yet.", code="not_ready")
    raise Conflict(f"The scan was {scan.state} ({scan.code}); it has no heatmap.", code="no_heatmap")


def scan_image_png(services: Services, caller: Caller, scan_id: UUID, *, size_px: int | None = None) -> bytes:
    """The picture that was classified as PNG, 8-bit grey, no side over `size_px`.

    Pictures take turns at one decoder, and a hostile one may take seconds, so only so many may wait. Raises Conflict
    where the upload is no picture; Busy, TooManyRequests.
    """
    scan = find_scan(services, caller, scan_id)
    if scan.upload_key is None:
        raise Conflict(f"Nothing was kept of this upload: {scan.message}", code="no_image")
    if scan.code in _COSTLY:
        raise Conflict(f"The upload is no image that can be shown: {scan.message}", code="no_image")
    try:
        with services.pictures.hold(caller):
            pixels = services.decoder.read(services.store.path(scan.upload_key), frame=scan.frame)
    except InvalidScan as error:
        raise Conflict(f"The upload is no image that can be shown: {error.message}", code="no_image") from error
    encoded = io.BytesIO()
    image = Image.fromarray(pixels)
    if size_px is not None:
        image.thumbnail((size_px, size_px))
    image.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def overlay_jpeg(services: Services, prediction: Prediction, *, size_px: int | None = None) -> bytes:
    """The overlay as JPEG, no side over `size_px`; of our own making, so that it may be decoded here."""
    stored = services.store.read(prediction.overlay_path)
    if size_px is None:
        return stored
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(stored), formats=("JPEG",)) as image:
        image.thumbnail((size_px, size_px))  # JPEG is decoded at the nearest eighth, which costs less
        image.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


@dataclass(frozen=True)
class StreamedFile:
    """A file that is made while it is sent."""

    pieces: Iterator[bytes]
    size_bytes: int
    etag: str


def heatmap_npy(services: Services, prediction: Prediction) -> StreamedFile:
    """The full-size map, (height, width) float32 in [0, 1], as a .npy file; never whole in memory."""
    stored = services.store.read(prediction.grid_path)
    grid = np.load(io.BytesIO(stored), allow_pickle=False)
    frame = Frame(prediction.frame_x, prediction.frame_y, prediction.frame_side)
    shape = (prediction.height, prediction.width)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": _FLOATS.str, "fortran_order": False, "shape": shape})
    strips = lay_out_in_strips(grid, frame=frame, width=prediction.width, height=prediction.height, strip_px=_STRIP_PX)
    return StreamedFile(
        chain([header.getvalue()], (strip.astype(_FLOATS).tobytes() for strip in strips)),
        size_bytes=header.tell() + math.prod(shape) * _FLOATS.itemsize,
        etag=hashlib.sha256(stored + repr((frame, shape)).encode()).hexdigest(),
    )
