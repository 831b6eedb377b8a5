"""The client against the real API over real sockets."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine

from neurobatch.client import Client, RequestRefused
from neurobatch.documents import Batch
from neurobatch.phantoms import draw_head
from neurobatch.retrying import Patience
from neurobatch.sending import Sent
from shared.artifacts import LocalArtifactStore
from shared.clock import utc_now
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.http_servers import broken_way, served
from tests.integration.keys import make_key
from tests.integration.submissions import finish, png

IMPATIENT = Patience(retries=2, pause_s=0.01)
# A busy machine may take a while to notice that a connection broke.
BUSY = Patience(retries=10, pause_s=0.02)


@pytest.fixture
def serve(client_with: Callable[..., FlaskClient]) -> Iterator[Callable[..., str]]:
    """Serves the API with some settings changed; its address."""
    opened = []

    def make(**changes: object) -> str:
        server = served(client_with(**changes).application)  # type: ignore[arg-type]
        opened.append(server)
        return server.__enter__()

    yield make
    for server in opened:
        server.__exit__(None, None, None)


@pytest.fixture
def url(serve: Callable[..., str]) -> str:
    return serve()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, patience=IMPATIENT) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "deeper/c.png")):
        Image.fromarray(draw_head(number, side_px=96)).save(folder / name)
    return folder


def end(engine: Engine, batch: Batch, client: Client, *states: ScanState, **result: object) -> list[UUID]:
    """Bring a batch's scans to their ends, as a worker would."""
    ids = [UUID(scan["id"]) for scan in client.scans(batch["id"])]
    for scan, state in zip(ids, states, strict=True):
        finish(engine, [scan], state, **result)
    return ids


def test_a_folder_is_sent_with_all_that_is_said_about_it(client: Client, folder: Path) -> None:
    told: list[Sent] = []
    batch = client.submit([folder], name="n", metadata={"ward": 3}, on_progress=told.append)
    assert (batch["name"], batch["metadata"], batch["total"]) == ("n", {"ward": 3}, 3)
    size = sum(path.stat().st_size for path in folder.rglob("*.png"))
    assert told[-1] == Sent(size, size, 3, 3)
    assert [scan["filename"] for scan in client.scans(batch["id"])] == ["a.png", "b.png", "deeper/c.png"]
    assert client.batch(batch["id"]) == batch
    assert [listed["id"] for listed in client.batches()] == [batch["id"]]


def test_a_name_with_a_backslash_a_quote_and_a_per_cent_sign_is_kept(client: Client, tmp_path: Path) -> None:
    path = tmp_path / 'a\\b"c%.png'
    path.write_bytes(png())
    batch = client.submit([path])
    assert [scan["filename"] for scan in client.scans(batch["id"])] == [path.name]


def test_there_must_be_something_to_send(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError):
        client.submit([tmp_path / "empty"])


@pytest.mark.parametrize("breaks_after_bytes", [1_000, None], ids=["in mid-body", "before the answer arrived"])
def test_a_broken_connection_still_makes_one_batch(url: str, folder: Path, breaks_after_bytes: int | None) -> None:
    with broken_way(url, breaks_after_bytes, breaks_after_bytes) as way, Client(way, patience=BUSY) as client:
        batch = client.submit([folder])
        assert [listed["id"] for listed in client.batches()] == [batch["id"]]
        assert batch["total"] == 3


def test_a_connection_that_stays_broken_is_told(url: str, folder: Path) -> None:
    with broken_way(url, 10, 10, 10) as way, Client(way, patience=IMPATIENT) as client:
        with pytest.raises(httpx.TransportError):
            client.submit([folder])
        assert list(client.batches()) == []


def test_the_same_key_is_the_same_batch_and_another_call_another(client: Client, folder: Path) -> None:
    first = client.submit([folder], idempotency_key="k")
    assert client.submit([folder], idempotency_key="k")["id"] == first["id"]
    assert client.submit([folder])["id"] != first["id"]
    with pytest.raises(RequestRefused) as refused:
        client.submit([folder / "a.png"], idempotency_key="k")
    assert (refused.value.status, refused.value.problem["code"]) == (422, "idempotency_key_reused")


def test_a_broken_limit_is_told_with_its_name_and_value(serve: Callable[..., str], folder: Path) -> None:
    with Client(serve(max_files_per_batch=2)) as client, pytest.raises(RequestRefused) as refused:
        client.submit([folder])
    problem = refused.value.problem
    assert (refused.value.status, problem["limit"], problem["value"]) == (413, "max_files_per_batch", 2)


def test_results_and_searches_come_complete_however_many_pages(client: Client, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    # U+2028 and U+0085 end lines in the eyes of str.splitlines.
    names = [f"{number:03}\u2028\u0085.png" for number in range(203)]
    for name in names:
        (tmp_path / "many" / name).write_bytes(b"x")
    batch = client.submit([tmp_path / "many"])
    found = list(client.results(batch["id"]))
    assert found == list(client.scans(batch["id"]))
    assert len(found) == 203
    assert {scan["id"] for scan in client.search()} == {scan["id"] for scan in found}
    assert [scan["id"] for scan in client.search(batch=batch["id"])] == [scan["id"] for scan in reversed(found)]


def test_filters_are_the_services(client: Client, engine: Engine, folder: Path) -> None:
    batch = client.submit([folder])
    ids = end(engine, batch, client, ScanState.SUCCEEDED, ScanState.FAILED, ScanState.SUCCEEDED, needs_review=True)

    def found(**filters: object) -> list[str]:
        return [scan["id"] for scan in client.scans(batch["id"], **filters)]  # type: ignore[arg-type]

    succeeded = [str(ids[0]), str(ids[2])]
    assert found(state="failed") == [str(ids[1])]
    assert found(label="glioma", needs_review=True, min_confidence=0.5) == succeeded
    assert found(needs_review=False) == []
    assert found(max_confidence=0.5) == []
    assert found(since=utc_now() - timedelta(hours=1)) == [str(scan) for scan in ids]
    assert found(until=utc_now() - timedelta(hours=1)) == []
    with pytest.raises(RequestRefused):
        found(state="nonsense")


def test_waiting_tells_of_each_look_and_gives_up_in_time(client: Client, engine: Engine, folder: Path) -> None:
    batch = client.submit([folder])
    with pytest.raises(TimeoutError, match="queued"):
        client.wait(batch["id"], interval_s=0.01, timeout_s=0.05)
    end(engine, batch, client, *[ScanState.SUCCEEDED] * 3)
    looks: list[Batch] = []
    assert client.wait(batch["id"], on_progress=looks.append)["state"] == "completed"
    assert [look["counts"]["succeeded"] for look in looks] == [3]


def test_heatmaps_get_names_of_our_own_and_are_fetched_once(
    client: Client, engine: Engine, folder: Path, settings: Settings, tmp_path: Path
) -> None:
    store = LocalArtifactStore(settings.data_dir)
    grid = io.BytesIO()
    np.save(grid, np.full((4, 4), 0.5, np.float32))
    paths = {"heatmap_path": "artifacts/h", "overlay_path": "artifacts/o", "grid_path": "artifacts/g"}
    for path, data in zip(paths.values(), (b"heatmap", b"overlay", grid.getvalue()), strict=True):
        store.path(path).parent.mkdir(exist_ok=True)
        store.path(path).write_bytes(data)
    batch = client.submit([folder])
    ids = end(engine, batch, client, ScanState.SUCCEEDED, ScanState.REJECTED, ScanState.SUCCEEDED, **paths)
    target = tmp_path / "maps"
    told: list[Any] = []
    fetched = client.download_heatmaps(batch["id"], target, on_progress=told.append)
    assert [path.name for path in fetched] == [f"{ids[0]}.a.heatmap.png", f"{ids[2]}.c.heatmap.png"]
    assert told == [1, 2]
    assert {path.read_bytes() for path in fetched} == {b"heatmap"}
    fetched[0].write_bytes(b"kept")
    fetched[1].unlink()
    assert client.download_heatmaps(batch["id"], target) == fetched
    assert [path.read_bytes() for path in fetched] == [b"kept", b"heatmap"]
    (overlay, _) = client.download_heatmaps(batch["id"], target, kind="overlay")
    assert overlay.read_bytes() == b"overlay"
    (full, _) = client.download_heatmaps(batch["id"], target, kind="heatmap.npy")
    assert np.load(full).dtype == np.float32
    assert len(list(target.iterdir())) == 6


def test_a_batch_is_cancelled_retried_and_deleted(client: Client, engine: Engine, folder: Path) -> None:
    batch = client.submit([folder])
    with pytest.raises(RequestRefused) as refused:
        client.retry(batch["id"])
    assert refused.value.status == 409
    end(engine, batch, client, ScanState.FAILED, ScanState.SUCCEEDED, ScanState.SUCCEEDED)
    assert client.retry(batch["id"])["counts"]["queued"] == 1
    assert client.cancel(batch["id"])["state"] == "cancelled"
    assert client.delete(batch["id"])["scans"] == 3
    for ask in (client.batch, client.cancel, client.delete, lambda known: list(client.results(known))):
        with pytest.raises(RequestRefused) as refused:
            ask(batch["id"])
        assert (refused.value.status, refused.value.problem["code"]) == (404, "not_found")


def test_a_batch_id_never_becomes_another_path(client: Client, folder: Path) -> None:
    batch = client.submit([folder])
    with pytest.raises(RequestRefused):
        client.delete(f"x/../{batch['id']}")
    assert client.batch(batch["id"])


def test_the_service_tells_what_it_is(client: Client) -> None:
    assert client.is_ready()
    assert {limit["name"] for limit in client.limits()["items"]} >= {"max_files_per_batch", "max_pixels"}
    assert [model["active"] for model in client.models()].count(True) == 1


def test_a_key_is_sent_and_a_full_share_is_waited_for(
    serve: Callable[..., str], engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(require_keys=True, max_requests_per_s=1, max_request_burst=1)
    with Client(url) as nobody, pytest.raises(RequestRefused) as refused:
        nobody.submit([folder])
    assert (refused.value.status, refused.value.problem["code"]) == (401, "key_missing")
    with Client(url, key=make_key(engine, "p")) as client:
        batch = client.submit([folder])
        assert client.cancel(batch["id"])["state"] == "cancelled"
        assert len(list(client.results(batch["id"]))) == 3
    monkeypatch.setenv("NEUROBATCH_API_KEY", make_key(engine, "p"))
    with Client(url) as client:
        assert client.batch(batch["id"])["total"] == 3


def test_a_full_quota_is_not_waited_for(serve: Callable[..., str], folder: Path) -> None:
    url = serve(max_stored_bytes=1)
    with Client(url, patience=Patience(pause_s=60)) as client, pytest.raises(RequestRefused) as refused:
        client.submit([folder])
    assert (refused.value.status, refused.value.problem["code"]) == (429, "quota_exceeded")


def test_a_service_that_is_gone_is_not_ready() -> None:
    with Client("http://127.0.0.1:1", patience=IMPATIENT) as client:
        assert not client.is_ready()
        with pytest.raises(httpx.ConnectError):
            client.limits()
