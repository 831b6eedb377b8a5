"""`/v1/batches`: submit, look up, list."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request, url_for

from api import batches, scans
from api.schemas import (
    BatchDocument,
    BatchList,
    PageQuery,
    ScanList,
    batch_document,
    decode_cursor,
    encode_cursor,
    scan_document,
)
from api.services import services
from shared.errors import MalformedBody, UnsupportedMediaType

blueprint = APIBlueprint("batches", __name__, url_prefix="/v1/batches", tag="Batches")
_POLL_AFTER_S = 1


@blueprint.post("")
@blueprint.output(BatchDocument, status_code=HTTPStatus.ACCEPTED)
@blueprint.doc(operation_id="submit_batch", responses=[400, 413, 415, 422, 503])
def submit() -> Any:
    """Submit a batch of scans.

    Answers once every file and row is durable; classification follows in the background.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send the files as multipart/form-data.")
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("The Content-Type names no multipart boundary.")
    batch_id = batches.submit_batch(services(), body=request.stream, boundary=boundary.encode("latin-1", "replace"))
    headers = {
        "Location": url_for("batches.show", batch_id=batch_id),
        "Retry-After": str(_POLL_AFTER_S),
    }
    document = batch_document(*batches.find_batch(services(), batch_id))
    return document, HTTPStatus.ACCEPTED, headers


@blueprint.get("")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(BatchList)
@blueprint.doc(operation_id="list_batches")
def index(page: PageQuery) -> Any:
    """List batches, newest first."""
    found = batches.list_batches(services(), before=decode_cursor(page.cursor), limit=page.limit + 1)
    items = [batch_document(*pair) for pair in found[: page.limit]]
    return BatchList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@blueprint.get("/<uuid:batch_id>")
@blueprint.output(BatchDocument)
@blueprint.doc(operation_id="get_batch", responses=[404])
def show(batch_id: UUID) -> Any:
    """Look at one batch and its progress."""
    return batch_document(*batches.find_batch(services(), batch_id))


@blueprint.get("/<uuid:batch_id>/scans")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(ScanList)
@blueprint.doc(operation_id="list_batch_scans", responses=[404])
def list_scans(batch_id: UUID, page: PageQuery) -> Any:
    """List a batch's scans with their results, in the order of their submission."""
    found = scans.list_scans(services(), batch_id, after=decode_cursor(page.cursor), limit=page.limit + 1)
    items = [scan_document(scan) for scan in found[: page.limit]]
    return ScanList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)
