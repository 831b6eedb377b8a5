"""What APIFlask cannot see of itself: the multipart body of a submission."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document, sent as application/problem+json.",
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
    },
}

_SUBMISSION = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    "files": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "PNG, JPEG, TIFF or BMP; each page of a TIFF is a scan.",
                    },
                    "name": {"type": "string"},
                    "metadata": {"type": "string", "description": "A JSON object."},
                },
            }
        }
    },
}


def describe(app: APIFlask) -> None:
    """Complete the generated OpenAPI document."""
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["VALIDATION_ERROR_SCHEMA"] = _PROBLEM
    app.config["HTTP_ERROR_SCHEMA"] = _PROBLEM
    app.description = "Asynchronous batch processing of brain MRI. For research; not a medical device."

    @app.spec_processor
    def _add_submission(spec: dict[str, Any] | str) -> dict[str, Any] | str:
        assert isinstance(spec, dict)
        spec["paths"]["/v1/batches"]["post"]["requestBody"] = _SUBMISSION
        return spec
