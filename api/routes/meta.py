"""`/v1/models`, `/v1/limits` and `/metrics`: what the service is and how it fares."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from api import limits, metrics, model_bundles
from api.schemas.service import LimitList, ModelList
from api.services import services

blueprint = APIBlueprint("meta", __name__, tag="Service")


@blueprint.get("/v1/models")
@blueprint.output(ModelList)
@blueprint.doc(operation_id="list_models")
def list_models() -> Any:
    """The model bundles at hand, with their measured figures; `active` is the one that classifies."""
    return ModelList(items=model_bundles.list_bundles(services().settings.model_dir))


@blueprint.get("/v1/models/<name>/card")
@blueprint.doc(operation_id="get_model_card", responses=[404])
def show_card(name: str) -> Response:
    """A model's card, as Markdown; its links lead to the evaluation and the plots beside it."""
    return Response(model_bundles.card_markdown(services().settings.model_dir, model=name), mimetype="text/markdown")


@blueprint.get("/v1/models/<name>/evaluation.json")
@blueprint.doc(operation_id="get_model_evaluation", responses=[404])
def show_evaluation(name: str) -> Response:
    """Every figure of a model's card, as JSON."""
    evaluation = model_bundles.evaluation_json(services().settings.model_dir, model=name)
    return Response(evaluation, mimetype="application/json")


@blueprint.get("/v1/models/<name>/plots/<plot>")
@blueprint.doc(operation_id="get_model_plot", responses=[404])
def show_plot(name: str, plot: str) -> Response:
    """One of a model's plots, as PNG; also as `{plot}.png`, which the card calls it."""
    return Response(model_bundles.plot_png(services().settings.model_dir, model=name, plot=plot), mimetype="image/png")


@blueprint.get("/v1/limits")
@blueprint.output(LimitList)
@blueprint.doc(operation_id="get_limits")
def get_limits() -> Any:
    """What is accepted: every limit, its value and the variable that sets it."""
    return LimitList(items=limits.list_limits(services().settings), formats=list(limits.FORMATS))


@blueprint.get("/metrics")
@blueprint.doc(operation_id="metrics")
def show_metrics() -> Response:
    """Prometheus metrics, counted in SQL at each scrape."""
    text, content_type = metrics.render(services())
    return Response(text, content_type=content_type)
