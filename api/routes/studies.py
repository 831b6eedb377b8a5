"""`/v1/studies`: the slices of one volume or series, in order, with what they come to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from api import studies
from api.callers import caller
from api.schemas.studies import StudyDocument, study_document
from api.services import services

blueprint = APIBlueprint("studies", __name__, url_prefix="/v1/studies", tag="Studies")


@blueprint.get("/<uuid:study_id>")
@blueprint.output(StudyDocument)
@blueprint.doc(operation_id="get_study", responses=[404, 429, 503])
def show(study_id: UUID) -> Any:
    """Look at one study: its slices in order with their results, and the most suspicious of them."""
    study = studies.find_study(services(), caller(), study_id)
    with services().studies.hold(caller()):
        return study_document(study, studies.slices_of(services(), study))
