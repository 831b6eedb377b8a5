"""`/livez` and `/readyz`."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from api.health import readiness
from api.schemas.service import Health
from api.services import services

blueprint = APIBlueprint("health", __name__, tag="Health")


@blueprint.get("/livez")
@blueprint.output(Health)
@blueprint.doc(operation_id="livez")
def livez() -> Any:
    """200 while the process serves."""
    return Health(status="ok")


@blueprint.get("/readyz")
@blueprint.output(Health)
@blueprint.doc(operation_id="readyz", responses=[503])
def readyz() -> Any:
    """200 when batches can be accepted; broker, workers and model only appear as degraded."""
    return readiness(services())
