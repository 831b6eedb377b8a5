"""`/v1/scans`: search them, one scan, its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request
from pydantic_core import to_json

from api import corrections, scans
from api.callers import caller
from api.scan_filters import ScanFilter
from api.scan_orders import ScanSort, decode_place, encode_place, place_of
from api.scan_queries import page_of_scans
from api.schemas.pages import PageQuery
from api.schemas.scans import (
    CorrectionInput,
    PictureQuery,
    ScanDocument,
    ScanList,
    ScansQuery,
    scan_document,
    scan_members,
)
from api.services import services

blueprint = APIBlueprint("scans", __name__, url_prefix="/v1/scans", tag="Scans")
_A_DAY_S = 86_400


@blueprint.get("")
@blueprint.input(ScansQuery, location="query", arg_name="query")
@blueprint.output(ScanList)
@blueprint.doc(operation_id="list_scans", responses=[404])
def index(query: ScansQuery) -> Any:
    """Search the stored scans of all batches of your project, newest first."""
    return scan_page(query, query.wanted(caller().project, query.batch), sort=ScanSort.ID_DOWN)


def scan_page(query: PageQuery, wanted: ScanFilter, *, sort: ScanSort) -> Response:
    """One page of scans and the cursor of the next."""
    behind = decode_place(sort, query.cursor)
    found = page_of_scans(services().engine, wanted, sort=sort, behind=behind, limit=query.limit + 1)
    following = None
    if len(found) > query.limit:
        last = found[query.limit - 1]
        confidence = last.prediction.confidence if last.prediction is not None else None
        following = encode_place(sort, place_of(sort, last.id, confidence=confidence))
    # A `ScanList`, as tests say: to validate our own rows would take a fifth of the time of a large page.
    page = {"items": [scan_members(scan) for scan in found[: query.limit]], "next": following}
    return Response(to_json(page), mimetype="application/json")


@blueprint.get("/<uuid:scan_id>")
@blueprint.output(ScanDocument)
@blueprint.doc(operation_id="get_scan", responses=[404])
def show(scan_id: UUID) -> Any:
    """Look at one scan and its result."""
    return _document(scan_id)


@blueprint.put("/<uuid:scan_id>/correction")
@blueprint.input(CorrectionInput, location="json", arg_name="said")
@blueprint.output(ScanDocument)
@blueprint.doc(operation_id="correct_scan", responses=[400, 404, 409, 413, 422])
def correct(scan_id: UUID, said: CorrectionInput) -> Any:
    """Confirm or correct a scan's label, with a note; kept beside the prediction and never over it."""
    corrections.correct_scan(services(), caller(), scan_id, label=said.label, note=said.note)
    return _document(scan_id)


@blueprint.delete("/<uuid:scan_id>/correction")
@blueprint.output(ScanDocument)
@blueprint.doc(operation_id="withdraw_correction", responses=[404])
def withdraw_correction(scan_id: UUID) -> Any:
    """Take the correction back, if there is one; that it was there is kept."""
    corrections.withdraw_correction(services(), caller(), scan_id)
    return _document(scan_id)


def _document(scan_id: UUID) -> ScanDocument:
    return scan_document(scans.find_scan(services(), caller(), scan_id))


@blueprint.get("/<uuid:scan_id>/image")
@blueprint.input(PictureQuery, location="query", arg_name="query")
@blueprint.doc(operation_id="get_scan_image", responses=[404, 409, 429, 503])
def image(scan_id: UUID, query: PictureQuery) -> Response:
    """The uploaded image as PNG, or smaller for a grid of many."""
    png = scans.scan_image_png(services(), caller(), scan_id, size_px=query.size_px)
    return _cacheable(png, "image/png")


@blueprint.get("/<uuid:scan_id>/heatmap")
@blueprint.doc(operation_id="get_scan_heatmap", responses=[404, 409])
def heatmap(scan_id: UUID) -> Response:
    """The Grad-CAM heatmap as an 8-bit greyscale PNG of the image's size."""
    prediction = scans.find_prediction(services(), caller(), scan_id)
    return _cacheable(services().store.read(prediction.heatmap_path), "image/png")


@blueprint.get("/<uuid:scan_id>/heatmap.npy")
@blueprint.doc(operation_id="get_scan_heatmap_npy", responses=[404, 409])
def heatmap_npy(scan_id: UUID) -> Response:
    """The Grad-CAM heatmap as a NumPy file: (height, width) float32 in [0, 1]."""
    prediction = scans.find_prediction(services(), caller(), scan_id)
    file = scans.heatmap_npy(services(), prediction)
    response = _cacheable(file.pieces, "application/octet-stream")
    response.content_length = file.size_bytes
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


@blueprint.get("/<uuid:scan_id>/overlay")
@blueprint.input(PictureQuery, location="query", arg_name="query")
@blueprint.doc(operation_id="get_scan_overlay", responses=[404, 409])
def overlay(scan_id: UUID, query: PictureQuery) -> Response:
    """The heatmap over the image, with its legend, as JPEG, or smaller for a grid of many."""
    prediction = scans.find_prediction(services(), caller(), scan_id)
    return _cacheable(scans.overlay_jpeg(services(), prediction, size_px=query.size_px), "image/jpeg")


def _cacheable(data: bytes | Iterator[bytes], mimetype: str) -> Response:
    """A picture never changes once it is there; it stays private to the client that may see it."""
    response = Response(data, mimetype=mimetype)
    response.cache_control.private = True
    response.cache_control.max_age = _A_DAY_S
    response.cache_control.immutable = True
    return response
