"""`/v1/audit`: who did what to which id."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from api.callers import caller
from api.schemas.audit import AuditDocument, AuditList
from api.schemas.pages import PageQuery, decode_cursor, encode_cursor
from api.services import services
from shared.audit import list_entries
from shared.db.models import AuditEntry
from shared.db.session import reading

blueprint = APIBlueprint("audit", __name__, url_prefix="/v1/audit", tag="Service")


@blueprint.get("")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(AuditList)
@blueprint.doc(operation_id="list_audit")
def index(page: PageQuery) -> Any:
    """The audit trail of the key's project, newest first; it holds ids and no patient data, and cannot be changed."""
    with reading(services().engine) as session:
        found = list_entries(session, project=caller().project, before=decode_cursor(page.cursor), limit=page.limit + 1)
    items = [_document(entry) for entry in found[: page.limit]]
    return AuditList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


def _document(entry: AuditEntry) -> AuditDocument:
    return AuditDocument.model_validate({name: getattr(entry, name) for name in AuditDocument.model_fields})
