"""What the service says of itself: models, limits, metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urljoin

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, update

from shared.clock import utc_now
from shared.db.models import Scan
from shared.db.session import transaction
from shared.domain import ScanState
from shared.settings import Settings, is_limit
from tests.integration.submissions import finish, submit_many
from tests.integration.test_api import assert_problem


def test_limits_are_the_settings(client: FlaskClient, settings: Settings) -> None:
    shown = {limit["name"]: limit for limit in client.get("/v1/limits").get_json()["items"]}
    assert set(shown) == {name for name in Settings.model_fields if is_limit(name)}
    assert {"max_pixels", "min_client_bytes_per_s", "attempts_limit"} <= set(shown)
    for name, limit in shown.items():
        assert limit["value"] == getattr(settings, name)
        assert limit["variable"] == f"NEUROBATCH_{name.upper()}"
        assert limit["description"]


def test_models_are_their_bundles(client: FlaskClient, settings: Settings) -> None:
    described = json.loads((settings.model_dir / "bundle.json").read_text())
    (active,) = (model for model in client.get("/v1/models").get_json()["items"] if model["active"])
    assert {name: value for name, value in active.items() if name not in {"active", "card", "plots"}} == described


def test_plots_are_those_of_the_bundle_and_nothing_beside(client: FlaskClient, settings: Settings) -> None:
    (active,) = (model for model in client.get("/v1/models").get_json()["items"] if model["active"])
    assert "confusion" in active["plots"]
    for plot in active["plots"]:
        answer = client.get(f"/v1/models/{active['name']}/plots/{plot}")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert answer.data == (settings.model_dir / "plots" / f"{plot}.png").read_bytes()
    for name, plot in ((active["name"], "weights"), ("other", "confusion"), (active["name"], "..%2Fbundle")):
        assert client.get(f"/v1/models/{name}/plots/{plot}").status_code == 404


def test_the_card_is_that_of_the_bundle_and_is_sent_once(client: FlaskClient, settings: Settings) -> None:
    (active,) = (model for model in client.get("/v1/models").get_json()["items"] if model["active"])
    answer = client.get(active["card"])
    assert (answer.status_code, answer.mimetype) == (200, "text/markdown")
    assert answer.text == (settings.model_dir / "README.md").read_text()
    again = client.get(active["card"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert_problem(client.get("/v1/models/other/card"), 404, "not_found")


def test_every_link_of_the_card_is_answered(client: FlaskClient, settings: Settings) -> None:
    (active,) = (model for model in client.get("/v1/models").get_json()["items"] if model["active"])
    links = set(re.findall(r"\]\((.*?)\)", client.get(active["card"]).text))
    assert {"evaluation.json", "plots/confusion.png"} <= links
    for link in links:
        answer = client.get(urljoin(active["card"], link))
        assert (answer.status_code, answer.data) == (200, (settings.model_dir / link).read_bytes()), link
    assert_problem(client.get("/v1/models/other/evaluation.json"), 404, "not_found")


def test_a_bundle_without_a_card_says_so(client_with: Callable[..., FlaskClient], tmp_path: Path) -> None:
    described = {"name": "bare-1", "metrics": {}}
    (tmp_path / "bare-1").mkdir()
    (tmp_path / "bare-1" / "bundle.json").write_text(json.dumps(described))
    client = client_with(model_dir=tmp_path / "bare-1")
    (bare,) = client.get("/v1/models").get_json()["items"]
    assert (bare["name"], bare["card"]) == ("bare-1", None)
    assert_problem(client.get("/v1/models/bare-1/card"), 404, "not_found")
    assert_problem(client.get("/v1/models/bare-1/evaluation.json"), 404, "not_found")


def measured(client: FlaskClient) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_metrics_count_the_rows(client: FlaskClient, engine: Engine) -> None:
    _, ids = submit_many(client, 4)
    finish(engine, ids[:2], timings={"decode": 10.0, "predict": 20.0})
    finish(engine, ids[2:3], ScanState.REJECTED)
    samples = measured(client)
    assert samples["neurobatch_scans", "succeeded"] == 2
    assert samples["neurobatch_scans", "failed"] == 0
    assert samples["neurobatch_queue_depth",] == 1
    assert samples["neurobatch_oldest_waiting_seconds",] > 0
    assert samples["neurobatch_stage_duration_seconds_sum", "decode"] == 0.02
    assert samples["neurobatch_stage_duration_seconds_count", "predict"] == 2


def test_what_is_queued_again_has_waited_since_then(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    finish(engine, ids, ScanState.FAILED)
    with transaction(engine) as session:
        session.execute(update(Scan).values(created_at=utc_now() - timedelta(days=7)))
    assert client.post(f"{location}/retry").status_code == 202
    assert 0 <= measured(client)["neurobatch_oldest_waiting_seconds",] < 3600
