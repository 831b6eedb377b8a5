"""Builds the Flask application from settings; nothing is opened or configured at import."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask

from api import conditional, errors, guard, headers, json_bodies, openapi, request_ids
from api.routes import audit, batches, dicom_results, events, health, meta, scans, session, studies, web, webhooks
from api.services import Services
from shared.errors import MalformedBody
from shared.settings import Settings


class _Request(json_bodies.BoundedRequest):
    """Submissions are read from the stream by `api.uploads`; nothing may parse a form into memory beside it."""

    want_form_data_parsed = False

    def get_json(self, *args: Any, **options: Any) -> Any:
        """As Flask's; MalformedBody for a document that is nested deeper than Python reads one, too."""
        try:
            return super().get_json(*args, **options)
        except RecursionError as error:
            raise MalformedBody("The body's JSON is nested too deeply.") from error

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Called where the body is no JSON, or of another type."""
        if e is not None:
            raise MalformedBody("The body is no JSON.") from e
        return super().on_json_loading_failed(e)


def create_app(settings: Settings) -> APIFlask:
    """The API over the given settings: its own engine, store and publisher, shared by its threads."""
    app = APIFlask(
        "api",
        title="neurobatch",
        version="1",
        docs_path="/docs",
        spec_path="/openapi.json",
        docs_oauth2_redirect_path=None,
        static_folder="web/static",
        template_folder="web/templates",
    )
    app.request_class = _Request
    # Multipart framing and fields come on top of the files; api.uploads enforces the limit as bytes arrive.
    app.config["MAX_CONTENT_LENGTH"] = None
    app.url_map.strict_slashes = False
    openapi.describe(app, keys_required=settings.keys_required)
    app.extensions[Services.EXTENSION] = Services.open(settings)
    request_ids.register(app)
    headers.register(app)
    conditional.register(app)
    errors.register(app)
    json_bodies.register(app)
    for module in (batches, events, scans, studies, dicom_results, session, webhooks, meta, audit, health, web):
        app.register_blueprint(module.blueprint)
    guard.register(app)
    return app
