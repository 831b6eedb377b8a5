"""The page's screens. Each is a shell without data: what it shows it fetches by the calls under `/v1`.

So nobody's data is ever in a shell, and the guard of the calls is the page's, too. The addresses of batches and
scans are real ones, which can be kept and sent on.
"""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import render_template

blueprint = APIBlueprint("web", __name__, enable_openapi=False)
# What a shell may load and ask: this service alone, and pictures that its own scripts drew.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/")
def history() -> str:
    """A place to drop scans, and the batches so far."""
    return render_template("history.html")


@blueprint.get("/batches/<uuid:batch_id>")
def batch(batch_id: UUID) -> str:
    """One batch: its progress and its scans."""
    return render_template("batch.html")


@blueprint.get("/scans/<uuid:scan_id>")
def scan(scan_id: UUID) -> str:
    """One scan, shown in its batch."""
    return render_template("scan.html")


@blueprint.get("/studies/<uuid:study_id>")
def study(study_id: UUID) -> str:
    """The slices of a volume or a series."""
    return render_template("study.html")


@blueprint.get("/webhooks")
def webhooks() -> str:
    """Who is told when a batch is done, and what was sent."""
    return render_template("webhooks.html")


@blueprint.get("/model")
def model() -> str:
    """What classifies, and how well."""
    return render_template("model.html")
