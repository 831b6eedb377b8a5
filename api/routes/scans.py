"""`/v1/scans`: one scan and its pictures."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request

from api import scans
from api.schemas import ScanDocument, scan_document
from api.services import services

blueprint = APIBlueprint("scans", __name__, url_prefix="/v1/scans/<uuid:scan_id>", tag="Scans")
_A_DAY_S = 86_400


@blueprint.get("")
@blueprint.output(ScanDocument)
@blueprint.doc(operation_id="get_scan", responses=[404])
def show(scan_id: UUID) -> Any:
    """Look at one scan and its result."""
    return scan_document(scans.find_scan(services(), scan_id))


@blueprint.get("/image")
@blueprint.doc(operation_id="get_scan_image", responses=[404, 409])
def image(scan_id: UUID) -> Response:
    """The uploaded image as PNG."""
    return _cacheable(scans.scan_image_png(services(), scan_id), "image/png")


@blueprint.get("/heatmap")
@blueprint.doc(operation_id="get_scan_heatmap", responses=[404, 409])
def heatmap(scan_id: UUID) -> Response:
    """The Grad-CAM heatmap as an 8-bit greyscale PNG of the image's size."""
    prediction = scans.find_prediction(services(), scan_id)
    return _cacheable(services().store.read(prediction.heatmap_path), "image/png")


@blueprint.get("/heatmap.npy")
@blueprint.doc(operation_id="get_scan_heatmap_npy", responses=[404, 409])
def heatmap_npy(scan_id: UUID) -> Response:
    """The Grad-CAM heatmap as a NumPy file: (height, width) float32 in [0, 1]."""
    prediction = scans.find_prediction(services(), scan_id)
    return _cacheable(scans.heatmap_npy(services(), prediction), "application/octet-stream")


@blueprint.get("/overlay")
@blueprint.doc(operation_id="get_scan_overlay", responses=[404, 409])
def overlay(scan_id: UUID) -> Response:
    """The heatmap over the image, with its legend, as JPEG."""
    prediction = scans.find_prediction(services(), scan_id)
    return _cacheable(services().store.read(prediction.overlay_path), "image/jpeg")


def _cacheable(data: bytes, mimetype: str) -> Response:
    """A picture never changes once it is there; it stays private to the client that may see it."""
    response = Response(data, mimetype=mimetype)
    response.cache_control.private = True
    response.cache_control.max_age = _A_DAY_S
    response.cache_control.immutable = True
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.make_conditional(request)
    return response
