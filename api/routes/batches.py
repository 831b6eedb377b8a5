"""`/v1/batches`: submit, look up, list, export, cancel, retry, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request, url_for
from sqlalchemy import Engine

from api import batches, control, dry_run, exports, studies, summaries
from api.callers import caller
from api.routes.scans import scan_page
from api.scan_filters import ScanFilter
from api.schemas.batches import BatchDocument, BatchesQuery, BatchList, RemovedDocument, SummaryDocument, batch_document
from api.schemas.pages import PageQuery, decode_cursor, encode_cursor
from api.schemas.scans import BatchScansQuery, ScanList
from api.schemas.studies import StudyList, study_head
from api.schemas.submissions import SubmitQuery
from api.services import services
from api.uploads import check_size
from shared.db.models import Batch
from shared.db.queries import BatchProgress
from shared.errors import MalformedBody, UnsupportedMediaType

blueprint = APIBlueprint("batches", __name__, url_prefix="/v1/batches", tag="Batches")
_POLL_AFTER_S = 1


@blueprint.post("")
@blueprint.input(SubmitQuery, location="query", arg_name="query")
@blueprint.output(BatchDocument, status_code=HTTPStatus.ACCEPTED)
@blueprint.doc(operation_id="submit_batch", responses=[400, 408, 409, 413, 415, 422, 429, 503])
def submit(query: SubmitQuery) -> Any:
    """Submit a batch of scans.

    Answers once every file and row is durable; classification follows in the background. With `dry_run=1` the
    answer is a verdict for each scan, and nothing is kept. With an `Idempotency-Key` header, 1 to 255 printable
    characters, the same key and content answer the same batch for 24 hours; with other content it is refused.
    """
    boundary = _boundary()
    # What is declared is not believed, and every byte is counted; but what says that it is too large need not be sent.
    check_size(request.content_length or 0, settings=services().settings)
    # However slow they are, submissions must leave threads for everything else.
    with services().uploads.hold(caller()):
        if query.dry_run == "1":
            with services().dry_runs.hold(caller()):
                verdicts = dry_run.judge_batch(services(), caller(), body=request.stream, boundary=boundary)
            return Response(verdicts.model_dump_json(), mimetype="application/json")
        batch_id = batches.submit_batch(
            services(),
            caller(),
            body=request.stream,
            boundary=boundary,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
    headers = {
        "Location": url_for("batches.show", batch_id=batch_id),
        "Retry-After": str(_POLL_AFTER_S),
    }
    return _document(batch_id), HTTPStatus.ACCEPTED, headers


def _document(batch_id: UUID) -> BatchDocument:
    return _describe(*batches.find_batch(services(), caller(), batch_id))


def _describe(batch: Batch, progress: BatchProgress) -> BatchDocument:
    return batch_document(batch, progress, retention_days=services().settings.retention_days)


def _boundary() -> bytes:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send the files as multipart/form-data.")
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("The Content-Type names no multipart boundary.")
    return boundary.encode("latin-1", "replace")


@blueprint.get("")
@blueprint.input(BatchesQuery, location="query", arg_name="page")
@blueprint.output(BatchList)
@blueprint.doc(operation_id="list_batches")
def index(page: BatchesQuery) -> Any:
    """List batches, newest first; all, or those whose name or id `search` finds."""
    before = decode_cursor(page.cursor)
    found = batches.list_batches(services(), caller(), before=before, search=page.search, limit=page.limit + 1)
    items = [_describe(*pair) for pair in found[: page.limit]]
    return BatchList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@blueprint.get("/<uuid:batch_id>")
@blueprint.output(BatchDocument)
@blueprint.doc(operation_id="get_batch", responses=[404])
def show(batch_id: UUID) -> Any:
    """Look at one batch and its progress."""
    return _document(batch_id)


@blueprint.get("/<uuid:batch_id>/scans")
@blueprint.input(BatchScansQuery, location="query", arg_name="query")
@blueprint.output(ScanList)
@blueprint.doc(operation_id="list_batch_scans", responses=[404])
def list_scans(batch_id: UUID, query: BatchScansQuery) -> Any:
    """List a batch's scans with their results, in the order of their submission or as `sort` says."""
    return scan_page(query, query.wanted(caller().project, batch_id), sort=query.sort)


@blueprint.get("/<uuid:batch_id>/summary")
@blueprint.output(SummaryDocument)
@blueprint.doc(operation_id="get_batch_summary", responses=[404])
def summary(batch_id: UUID) -> Any:
    """How many of a batch's scans have which label, need review, were corrected or were rejected for what."""
    return SummaryDocument(**asdict(summaries.summarise_batch(services(), caller(), batch_id)))


@blueprint.get("/<uuid:batch_id>/studies")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(StudyList)
@blueprint.doc(operation_id="list_batch_studies", responses=[404])
def list_studies(batch_id: UUID, page: PageQuery) -> Any:
    """List a batch's volumes and DICOM series, in the order of their submission, without their slices."""
    after = decode_cursor(page.cursor)
    found = studies.list_studies(services(), caller(), batch_id, after=after, limit=page.limit + 1)
    items = [study_head(*pair) for pair in found[: page.limit]]
    return StudyList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@blueprint.get("/<uuid:batch_id>/results.jsonl")
@blueprint.doc(operation_id="get_batch_results_jsonl", responses=[404])
def results_jsonl(batch_id: UUID) -> Response:
    """Every scan of a batch with its result, one JSON document a line."""
    batches.find_batch(services(), caller(), batch_id)
    return Response(exports.results_jsonl(*_exported(batch_id)), mimetype="application/x-ndjson")


@blueprint.get("/<uuid:batch_id>/results.csv")
@blueprint.doc(operation_id="get_batch_results_csv", responses=[404])
def results_csv(batch_id: UUID) -> Response:
    """Every scan of a batch with its result as CSV; text that a spreadsheet would run is quoted with an apostrophe."""
    batches.find_batch(services(), caller(), batch_id)
    return Response(exports.results_csv(*_exported(batch_id)), mimetype="text/csv")


def _exported(batch_id: UUID) -> tuple[Engine, ScanFilter, Callable[[], bool]]:
    """The batch as its reader streams it, for as long as the key holds: by then the request is over."""
    current, reader = services(), caller()
    return current.engine, ScanFilter(reader.project, batch=batch_id), lambda: current.still_holds(reader)


@blueprint.post("/<uuid:batch_id>/cancel")
@blueprint.output(BatchDocument)
@blueprint.doc(operation_id="cancel_batch", responses=[404])
def cancel(batch_id: UUID) -> Any:
    """Stop what has not run; scans that are running stop before their next costly stage."""
    control.cancel_batch(services(), caller(), batch_id)
    return _document(batch_id)


@blueprint.post("/<uuid:batch_id>/retry")
@blueprint.output(BatchDocument, status_code=HTTPStatus.ACCEPTED)
@blueprint.doc(operation_id="retry_batch", responses=[404, 409])
def retry(batch_id: UUID) -> Any:
    """Run the failed scans again."""
    control.retry_batch(services(), caller(), batch_id)
    return _document(batch_id), HTTPStatus.ACCEPTED


@blueprint.delete("/<uuid:batch_id>")
@blueprint.output(RemovedDocument)
@blueprint.doc(operation_id="delete_batch", responses=[404])
def delete(batch_id: UUID) -> Any:
    """Remove a batch with its rows and files; the answer says what went."""
    return RemovedDocument(**asdict(control.delete_batch(services(), caller(), batch_id)))
