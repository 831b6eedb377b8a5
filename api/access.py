"""What each route asks of its caller, in one place; a route that is not here is nobody's.

Scopes say what may be done at all, before anything is looked up; what is another project's is then simply not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from flask import Flask

from shared.keys import Scope


class Access(StrEnum):
    """What a route asks for beside the scopes."""

    OPEN = "open"
    ANY_KEY = "any_key"


ROUTES: Mapping[str, Access | Scope] = {
    # Whether the service is well, and what its calls look like: no data of anybody.
    "health.livez": Access.OPEN,
    "health.readyz": Access.OPEN,
    "openapi.spec": Access.OPEN,
    "openapi.docs": Access.OPEN,
    "static": Access.OPEN,
    # The page's shells hold nobody's data; what they show comes from the calls below.
    "web.history": Access.OPEN,
    "web.batch": Access.OPEN,
    "web.scan": Access.OPEN,
    "web.study": Access.OPEN,
    "web.model": Access.OPEN,
    "web.webhooks": Access.OPEN,
    # What a browser signs in by: it looks after itself, see api/routes/session.py.
    "session.show": Access.OPEN,
    "session.sign_in": Access.OPEN,
    "session.sign_out": Access.OPEN,
    "meta.list_models": Access.ANY_KEY,
    "meta.show_card": Access.ANY_KEY,
    "meta.show_evaluation": Access.ANY_KEY,
    "meta.show_plot": Access.ANY_KEY,
    "meta.get_limits": Access.ANY_KEY,
    "batches.submit": Scope.SUBMIT,
    "batches.cancel": Scope.SUBMIT,
    "batches.retry": Scope.SUBMIT,
    "batches.delete": Scope.SUBMIT,
    "batches.index": Scope.READ,
    "batches.show": Scope.READ,
    "batches.list_scans": Scope.READ,
    "batches.summary": Scope.READ,
    "batches.results_jsonl": Scope.READ,
    "batches.results_csv": Scope.READ,
    "events.follow": Scope.READ,
    "scans.index": Scope.READ,
    "scans.show": Scope.READ,
    "scans.correct": Scope.SUBMIT,
    "scans.withdraw_correction": Scope.SUBMIT,
    "scans.image": Scope.READ,
    "scans.heatmap": Scope.READ,
    "scans.heatmap_npy": Scope.READ,
    "scans.overlay": Scope.READ,
    "batches.list_studies": Scope.READ,
    "studies.show": Scope.READ,
    "dicom_results.scan_result": Scope.READ,
    "dicom_results.study_report": Scope.READ,
    "webhooks.add": Scope.SUBMIT,
    "webhooks.delete": Scope.SUBMIT,
    "webhooks.ping": Scope.SUBMIT,
    "webhooks.resend": Scope.SUBMIT,
    "webhooks.index": Scope.READ,
    "webhooks.show": Scope.READ,
    "webhooks.list_deliveries": Scope.READ,
    # Numbers over all projects; the trail of the key's own.
    "meta.show_metrics": Scope.ADMIN,
    "audit.index": Scope.ADMIN,
}


def check_complete(app: Flask) -> None:
    """RuntimeError where a route says not what it asks of its caller, or one is named that is not there."""
    differing = {rule.endpoint for rule in app.url_map.iter_rules()} ^ set(ROUTES)
    if differing:
        raise RuntimeError(f"api/access.py and the routes differ in: {', '.join(sorted(differing))}")
