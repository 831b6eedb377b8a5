"""Nobody sees another project's, on any route of the OpenAPI file; and no route is there that asks for nothing.

The routes are read from the file, so that a new one is held to the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from api.access import ROUTES, check_complete
from api.scan_orders import Place, ScanSort, encode_place
from neurobatch.phantoms import draw_head
from shared.artifacts import LocalArtifactStore
from shared.clock import utc_now
from shared.db import queries
from shared.db.session import transaction
from shared.domain import ScanState
from shared.keys import Scope
from shared.settings import Settings
from tests.drawn_dicom import draw_dicom
from tests.integration.keys import make_key, with_key
from tests.integration.submissions import File, finish, png, submit, upload
from tests.integration.test_api import assert_problem

# Documented in docs/api.md as open to everybody.
OPEN = {"/livez", "/readyz", "/v1/session"}
LISTS = {"/v1/batches", "/v1/scans", "/v1/webhooks", "/v1/audit"}
MAKING = {"/v1/batches", "/v1/webhooks"}
# Of the service, the same for every project.
ABOUT_THE_SERVICE = {
    "/v1/models",
    "/v1/models/{name}/card",
    "/v1/models/{name}/evaluation.json",
    "/v1/models/{name}/plots/{plot}",
    "/v1/limits",
    "/metrics",
}


@dataclass
class Stored:
    """One project's batch with a succeeded, a failed and two waiting scans, the last a study's slice; a webhook."""

    client: FlaskClient
    batch: str
    scans: list[UUID]
    study: str
    webhook: str
    delivery: str
    names: list[str] = field(
        default_factory=lambda: [*(f"secret-{a}.png" for a in "abc"), "secret-d", "secret-trial", "secret-hook"]
    )

    @property
    def traces(self) -> list[str]:
        """What nobody else may read."""
        return [self.batch, self.study, *map(str, self.scans), self.webhook, self.delivery, *self.names]


@pytest.fixture
def keyed(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    """A client without a key of a service that asks for one."""
    return client_with(require_keys=True, key_cache_s=0, webhook_private_targets=True)


@pytest.fixture
def stored(keyed: FlaskClient, engine: Engine, settings: Settings) -> Stored:
    client = with_key(keyed, make_key(engine, "first"))
    batch = submit(client, *files(), headers={"Idempotency-Key": "k"}, name="secret-trial").get_json()["id"]
    listed = client.get(f"/v1/batches/{batch}/scans").get_json()["items"]
    scans = [UUID(scan["id"]) for scan in listed]
    grid = io.BytesIO()
    np.save(grid, np.zeros((4, 4), np.float32))
    paths: dict[str, Any] = {f"{kind}_path": f"artifacts/{batch}/{kind}" for kind in ("heatmap", "overlay", "grid")}
    for path in paths.values():
        LocalArtifactStore(settings.data_dir).write(path, grid.getvalue())
    finish(engine, scans[:1], **paths)
    finish(engine, scans[1:2], ScanState.FAILED)
    hook = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/secret-hook"}).get_json()["id"]
    delivery = client.post(f"/v1/webhooks/{hook}/test").get_json()["id"]
    return Stored(client, batch, scans, listed[-1]["study_id"], hook, delivery)


def files() -> list[File]:
    pictures = [upload(f"secret-{name}.png", png(seed)) for seed, name in enumerate("abc")]
    return [*pictures, upload("secret-d", draw_dicom(draw_head(4)[::2, ::2]))]


def operations(client: FlaskClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").get_json()["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield path, method.upper(), operation


def filled(path: str, stored: Stored) -> str:
    """The path with the first project's ids; KeyError for a parameter that this test does not know yet."""
    ids = {"batch_id": stored.batch, "scan_id": str(stored.scans[0]), "study_id": stored.study}
    known = {**ids, "webhook_id": stored.webhook, "delivery_id": stored.delivery}
    return path.format_map(known | {"name": "no-model", "plot": "no-plot"})


def call(client: FlaskClient, method: str, path: str) -> TestResponse:
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("POST", "/v1/batches"): {"data": {"files": [upload("a.png")]}},
        ("POST", "/v1/webhooks"): {"json": {"url": "http://127.0.0.1:1/"}},
    }
    body = bodies.get((method, path), {})
    if method == "PUT":
        body = {"json": {"label": "glioma"}}
    return client.open(path, method=method, **body)


def test_another_projects_key_sees_nothing_on_any_route(keyed: FlaskClient, engine: Engine, stored: Stored) -> None:
    other = with_key(keyed, make_key(engine, "second"))
    walked = list(operations(keyed))
    assert len(walked) >= 20
    for path, method, _ in walked:
        answer = call(other, method, filled(path, stored))
        assert not [trace for trace in stored.traces if trace in answer.text], (method, path)
        if "{" in path:
            assert_problem(answer, 404, "not_found")
        elif method == "GET" and path in LISTS:
            assert answer.status_code == 200
        else:
            assert path in OPEN | ABOUT_THE_SERVICE | MAKING, f"{method} {path} is not known to this test"
    own = stored.client.get(f"/v1/batches/{stored.batch}").get_json()
    assert (own["state"], own["total"]) == ("running", 4), "the walk changed what is another's"
    assert [hook["id"] for hook in stored.client.get("/v1/webhooks").get_json()["items"]] == [stored.webhook]


def test_a_cursor_made_of_anothers_scan_tells_nothing_of_its_name(
    keyed: FlaskClient, engine: Engine, stored: Stored
) -> None:
    other = with_key(keyed, make_key(engine, "second"))
    batch = submit(other, upload("a.png"), upload("z.png")).get_json()["id"]
    for sort in (ScanSort.FILENAME, ScanSort.FILENAME_DOWN):
        cursor = encode_place(sort, Place(stored.scans[0]))
        assert other.get(f"/v1/batches/{batch}/scans?sort={sort}&cursor={cursor}").get_json()["items"] == []


def test_lists_and_filters_hold_the_projects_own_alone(keyed: FlaskClient, engine: Engine, stored: Stored) -> None:
    other = with_key(keyed, make_key(engine, "second"))
    for query in ("", "?state=queued", "?label=glioma", "?needs_review=false", "?min_confidence=0.1", "?state=failed"):
        assert other.get(f"/v1/scans{query}").get_json()["items"] == []
        assert stored.client.get(f"/v1/scans{query}").get_json()["items"] != []
    assert_problem(other.get(f"/v1/scans?batch={stored.batch}"), 404, "not_found")
    assert_problem(other.get(f"/v1/scans?study={stored.study}"), 404, "not_found")
    assert other.get("/v1/batches").get_json()["items"] == []
    shared_project = with_key(keyed, make_key(engine, "first", Scope.READ))
    assert shared_project.get("/v1/batches").get_json()["items"][0]["id"] == stored.batch


def test_what_is_anothers_is_told_like_what_never_was(keyed: FlaskClient, engine: Engine, stored: Stored) -> None:
    other = with_key(keyed, make_key(engine, "second"))
    for path, method, _ in operations(keyed):
        if "{" not in path:
            continue
        anothers = filled(path, stored)
        never = anothers
        for stored_id in (stored.batch, stored.study, str(stored.scans[0]), stored.webhook, stored.delivery):
            never = never.replace(stored_id, str(UUID(int=0)))
        answers = [call(other, method, path) for path in (anothers, never)]
        told = [{**answer.get_json(), "request_id": None, "detail": None} for answer in answers]
        assert told[0] == told[1], (method, path)


def test_two_projects_idempotency_keys_are_two(keyed: FlaskClient, engine: Engine, stored: Stored) -> None:
    other = with_key(keyed, make_key(engine, "second"))
    again = submit(other, *files(), headers={"Idempotency-Key": "k"}, name="secret-trial")
    assert again.status_code == 202
    assert again.get_json()["id"] != stored.batch
    different = submit(other, upload("x.png"), headers={"Idempotency-Key": "k"})
    assert_problem(different, 422, "idempotency_key_reused")


def test_a_dry_run_knows_no_duplicates_of_others(keyed: FlaskClient, engine: Engine, stored: Stored) -> None:
    def verdicts(client: FlaskClient) -> list[str]:
        answer = client.post("/v1/batches?dry_run=1", data={"files": [upload("x.png", png(0))]})
        return [file["verdict"] for file in answer.get_json()["files"]]

    assert verdicts(with_key(keyed, make_key(engine, "second"))) == ["accepted"]
    assert verdicts(stored.client) == ["duplicate"]


def test_every_operation_but_the_open_ones_needs_a_key(keyed: FlaskClient, stored: Stored) -> None:
    for path, method, operation in operations(keyed):
        answer = call(keyed, method, filled(path, stored))
        if path in OPEN:
            # A sign-in without a key is no sign-in.
            expected = {"GET": 200, "POST": 400, "DELETE": 204}[method]
            assert (answer.status_code, operation["security"]) == (expected, [])
        else:
            assert_problem(answer, 401, "key_missing")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
            assert operation["security"], (method, path)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_may_do_what_its_scope_says_and_nothing_else(
    keyed: FlaskClient, engine: Engine, stored: Stored, scope: Scope
) -> None:
    limited = with_key(keyed, make_key(engine, "first", scope))
    forbidden = 0
    for path, method, operation in operations(keyed):
        needed = [name for asked in operation["security"] for name in asked.get("ApiKey", ())]
        assert needed or path in OPEN | ABOUT_THE_SERVICE
        # Scopes of routes that change something, whatever the file says.
        assert method == "GET" or needed == ["submit"] or path in OPEN
        if needed and needed != [scope]:
            answer = call(limited, method, filled(path, stored))
            assert_problem(answer, 403, "scope_missing")
            assert f'scope="{needed[0]}"' in answer.headers["WWW-Authenticate"]
            forbidden += 1
    assert forbidden > 1
    own = stored.client.get(f"/v1/batches/{stored.batch}").get_json()
    assert (own["state"], own["total"]) == ("running", 4)


def test_a_route_that_declares_nothing_is_nobodys(keyed: FlaskClient, engine: Engine) -> None:
    app = keyed.application
    app.add_url_rule("/v1/forgotten", "forgotten", lambda: "everything")
    with pytest.raises(RuntimeError, match="forgotten"):
        check_complete(app)
    assert_problem(keyed.get("/v1/forgotten"), 401, "key_missing")
    assert_problem(with_key(keyed, make_key(engine, "first")).get("/v1/forgotten"), 403, "scope_missing")


def test_every_declared_route_is_there(keyed: FlaskClient) -> None:
    check_complete(keyed.application)
    assert set(ROUTES) == {rule.endpoint for rule in keyed.application.url_map.iter_rules()}


def test_a_batch_that_is_gone_leaves_its_queue_harmless(
    keyed: FlaskClient, engine: Engine, settings: Settings, stored: Stored
) -> None:
    """Messages hold ids alone: a worker that takes up a deleted scan's finds nothing to do."""
    assert stored.client.delete(f"/v1/batches/{stored.batch}").get_json()["scans"] == 4
    with transaction(engine) as session:
        assert queries.claim(session, stored.scans, worker="w", now=utc_now(), lease_s=60) == []
    left = [path for path in Path(settings.data_dir).rglob("*") if stored.batch in str(path)]
    assert left == []
