"""What APIFlask cannot see of itself: bodies that are no JSON, headers, and that errors are problem documents."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask

from api.access import ROUTES, Access
from api.browser_sessions import COOKIE
from api.schemas.submissions import DryRunDocument
from shared.keys import Scope

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "detail": {"type": "string", "description": "For people."},
        "request_id": {"type": ["string", "null"]},
        "limit": {"type": "string", "description": "The setting that was exceeded."},
        "value": {"type": "number", "description": "That setting's value."},
        "errors": {"type": "object", "description": "What is wrong with each parameter."},
    },
    "example": {
        "type": "about:blank",
        "title": "Request Entity Too Large",
        "status": 413,
        "code": "limit_exceeded",
        "detail": "A batch takes at most 10000 files.",
        "request_id": "01a20a0b-a7fa-713d-aa61-6eef170d502c",
        "limit": "max_files_per_batch",
        "value": 10000,
    },
}

_SUBMISSION = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "additionalProperties": False,
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                        "description": "PNG, JPEG, BMP, TIFF, DICOM, NIfTI (each page, frame, slice a scan), or ZIP.",
                    },
                    "name": {
                        "type": "string",
                        "description": "At most `max_name_chars` of `/v1/limits`.",
                        "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]*$",
                    },
                    "metadata": {"type": "object", "description": "Anything of yours, as JSON."},
                },
            },
            "encoding": {"metadata": {"contentType": "application/json"}},
        }
    },
}

_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the event seen last; the stream goes on after it.",
    "schema": {"type": "string", "pattern": "^([0-9]{1,9}(\\.done)?)?$"},
}

# Bodies that are no JSON document of ours, by operation.
_CONTENT_TYPES = {
    "get_scan_image": "image/png",
    "get_model_card": "text/markdown",
    "get_model_evaluation": "application/json",
    "get_model_plot": "image/png",
    "get_scan_heatmap": "image/png",
    "get_scan_heatmap_npy": "application/octet-stream",
    "get_scan_overlay": "image/jpeg",
    "get_scan_result_dicom": "application/dicom",
    "get_study_report_dicom": "application/dicom",
    "get_batch_results_csv": "text/csv",
    "get_batch_results_jsonl": "application/x-ndjson",
    "follow_batch": "text/event-stream",
    "metrics": "text/plain",
}
_COMPONENTS = "#/components/schemas/"
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": _COMPONENTS + "Problem"}}}
_API_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key made by `neurobatch admin create-key`; each call names the scope that it needs.",
}
_SESSION = {
    "type": "apiKey",
    "in": "cookie",
    "name": COOKIE,
    "description": "A browser that signed in by `POST /v1/session`; all but GET ask for the header X-CSRF-Token too.",
}
# What any call that is not open may answer.
_TO_CALLERS = {
    "401": "A key is needed, or this is none that holds.",
    "403": "The key lacks the scope, or a page from elsewhere asks.",
    "421": "Without keys, the service answers to loopback names alone.",
    "429": "The key made too many requests; `Retry-After` tells when to go on.",
}
# What any call may answer.
_ALWAYS = {"500": "Something went wrong on our side.", "503": "The database does not answer; try again."}


def describe(app: APIFlask, *, keys_required: bool) -> None:
    """Complete the generated OpenAPI document."""
    app.config["SECURITY_SCHEMES"] = {"ApiKey": _API_KEY, "BrowserSession": _SESSION}
    app.config["OPENAPI_VERSION"] = "3.1.0"
    # The page's assets are ours: a page that loads scripts from elsewhere would tell others who reads it.
    app.config["SWAGGER_UI_CSS"] = "/static/swagger-ui/swagger-ui.css"
    app.config["SWAGGER_UI_BUNDLE_JS"] = "/static/swagger-ui/swagger-ui-bundle.js"
    app.config["SWAGGER_UI_STANDALONE_PRESET_JS"] = "/static/swagger-ui/swagger-ui-standalone-preset.js"
    app.config["DOCS_FAVICON"] = "data:,"
    app.config["VALIDATION_ERROR_SCHEMA"] = _PROBLEM
    app.config["HTTP_ERROR_SCHEMA"] = _PROBLEM
    app.description = "Asynchronous batch processing of brain MRI. For research; not a medical device."

    @app.spec_processor
    def _complete(spec: dict[str, Any] | str) -> dict[str, Any] | str:
        assert isinstance(spec, dict)
        dry_run = DryRunDocument.model_json_schema(ref_template=_COMPONENTS + "{model}")
        spec["components"]["schemas"] |= {"Problem": _PROBLEM, **dry_run.pop("$defs"), "DryRunDocument": dry_run}
        asked = _asked_by_operation(app)
        for path in spec["paths"].values():
            for method, operation in path.items():
                if method != "parameters":
                    _protect(operation, asked[operation["operationId"]], keys_required=keys_required)
                    _complete_operation(operation)
        return spec


def _asked_by_operation(app: APIFlask) -> dict[str, Access | Scope]:
    """What each operation asks of its caller, by `api.access`."""
    specs = {endpoint: getattr(view, "_spec", {}) for endpoint, view in app.view_functions.items()}
    return {spec["operation_id"]: ROUTES[name] for name, spec in specs.items() if "operation_id" in spec}


def _protect(operation: dict[str, Any], asked: Access | Scope, *, keys_required: bool) -> None:
    if asked is Access.OPEN:
        operation["security"] = []
        return
    key = {"ApiKey": [] if asked is Access.ANY_KEY else [str(asked)]}
    # A service on loopback takes a key but asks for none.
    operation["security"] = [key, {"BrowserSession": []}] if keys_required else [{}, key]
    for status, description in _TO_CALLERS.items():
        operation["responses"].setdefault(status, {"description": description})


def _complete_operation(operation: dict[str, Any]) -> None:
    name, responses = operation["operationId"], operation["responses"]
    if name == "submit_batch":
        # The Idempotency-Key is described, not declared: tools that fill declared parameters would send one key with
        # many bodies, which is what a key forbids.
        operation["requestBody"] = _SUBMISSION
        verdicts = {"application/json": {"schema": {"$ref": _COMPONENTS + "DryRunDocument"}}}
        responses["200"] = {"description": "The verdicts of a dry run.", "content": verdicts}
    if name == "follow_batch":
        operation.setdefault("parameters", []).append(_LAST_EVENT_ID)
        responses["204"] = {"description": "The end was told already and nothing new has happened."}
    if name in _CONTENT_TYPES:
        # A stream of events has no schema as a whole.
        content = {} if name == "follow_batch" else {"schema": {"type": "string", "format": "binary"}}
        responses["200"] = {"description": "The body.", "content": {_CONTENT_TYPES[name]: content}}
    for status, description in _ALWAYS.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if int(status) >= 400 and not (name == "readyz" and status == "503"):
            response["content"] = _PROBLEM_CONTENT
