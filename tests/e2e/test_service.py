"""The whole service in real processes, on the embedded parts and on PostgreSQL with a broker of the user's."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
from PIL import Image

from neurobatch.phantoms import write_demo_scans
from shared.settings import Settings
from tests.e2e.running import Running, clean_environment, command, free_port, parts_of, running, wait_until
from tests.servers import PostgresServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def demo_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_scans(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Running]:
    with running(data_dir, NEUROBATCH_LEASE_S="4", NEUROBATCH_CHUNK_SIZE="8") as service:
        yield service


def test_every_scan_of_a_batch_comes_to_its_end(service: Running, demo_scans: Path) -> None:
    accepted = service.client.submit([demo_scans])
    looks: list[Any] = []
    batch = service.client.wait(accepted["id"], on_progress=lambda b: looks.append(b["counts"]), timeout_s=120)
    assert batch["state"] == "completed_with_errors"
    assert (batch["counts"]["succeeded"], batch["counts"]["rejected"]) == (39, 1)
    assert all(sum(counts.values()) == 40 for counts in looks)
    scans = list(service.client.scans(batch["id"]))
    assert [scan["filename"] for scan in scans] == sorted(path.name for path in demo_scans.iterdir())
    (broken,) = (scan for scan in scans if scan["state"] == "rejected")
    assert broken["filename"] == "phantom-broken.png"
    assert broken["code"]
    for scan in scans:
        if scan is not broken:
            assert scan["probabilities"] is not None
            assert sum(scan["probabilities"].values()) == pytest.approx(1, abs=1e-5)
            assert scan["confidence"] == pytest.approx(max(scan["probabilities"].values()))
            assert len(scan["attempts"]) == 1
    with closing(sqlite3.connect(service.data_dir / "neurobatch.db")) as database:
        paths = [path for (path,) in database.execute("SELECT heatmap_path FROM predictions")]
    assert len(paths) >= 39
    assert all((service.data_dir / path).stat().st_size > 0 for path in paths)


def test_the_pictures_of_a_scan_fit_each_other(service: Running, demo_scans: Path) -> None:
    file = demo_scans / "phantom-02.png"
    batch = service.client.wait(service.client.submit([file])["id"], timeout_s=60)
    (scan,) = service.client.scans(batch["id"])
    base = f"{service.url}/v1/scans/{scan['id']}"
    original = np.asarray(Image.open(io.BytesIO(file.read_bytes())))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(httpx.get(f"{base}/image").content))), original)
    full = np.load(io.BytesIO(httpx.get(f"{base}/heatmap.npy").content))
    assert full.dtype == np.float32
    assert full.shape == original.shape
    drawn = np.asarray(Image.open(io.BytesIO(httpx.get(f"{base}/heatmap").content)))
    assert np.abs(drawn / 255 - full).max() < 0.01
    assert scan["focus"] is not None
    assert full[scan["focus"]["y"], scan["focus"]["x"]] == pytest.approx(full.max(), abs=1e-3)
    assert Image.open(io.BytesIO(httpx.get(f"{base}/overlay").content)).format == "JPEG"


def test_readiness_shows_worker_and_model(service: Running) -> None:
    def loaded() -> bool:
        health = httpx.get(f"{service.url}/readyz").json()
        return bool(health["status"] == "ok" and health["workers"] == Settings().worker_children and health["models"])

    wait_until(loaded)


@pytest.mark.parametrize("part", ["relay", "api", "broker", "worker"])
def test_a_part_that_dies_comes_back_and_nothing_is_lost(service: Running, demo_scans: Path, part: str) -> None:
    before = parts_of(service.data_dir)[part]
    for process in before:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: set(parts_of(service.data_dir).get(part, [])) - set(before))
    wait_until(service.client.is_ready)
    batch = service.client.wait(service.client.submit([demo_scans / "phantom-01.png"])["id"], timeout_s=120)
    assert batch["counts"]["succeeded"] == 1


def test_a_worker_killed_in_mid_batch_loses_nothing(service: Running, demo_scans: Path, tmp_path: Path) -> None:
    accepted = service.client.submit([demo_scans, write_demo_scans(tmp_path)])
    wait_until(lambda: service.client.batch(accepted["id"])["counts"]["running"] > 0)
    for process in parts_of(service.data_dir)["worker"]:
        os.kill(process, signal.SIGKILL)
    batch = service.client.wait(accepted["id"], timeout_s=180)
    assert (batch["counts"]["succeeded"], batch["counts"]["rejected"]) == (78, 2)


def test_a_batch_waits_while_no_worker_runs(service: Running, demo_scans: Path) -> None:
    for process in parts_of(service.data_dir)["worker"]:
        os.kill(process, signal.SIGKILL)
    batch = service.client.wait(service.client.submit([demo_scans])["id"], timeout_s=120)
    assert (batch["counts"]["succeeded"], batch["counts"]["rejected"]) == (39, 1)


def test_a_second_start_finds_the_batches_of_the_first(tmp_path: Path, demo_scans: Path) -> None:
    with running(tmp_path) as first:
        known = first.client.submit([demo_scans / "phantom-00.jpg"])["id"]
    with running(tmp_path) as second:
        batch = second.client.wait(known, timeout_s=120)
        assert batch["counts"]["succeeded"] == 1
        second.process.kill()
        wait_until(lambda: not parts_of(tmp_path))  # no orphans


def test_a_database_of_a_newer_release_is_told_of_and_nothing_stays_running(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "neurobatch.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('of-tomorrow')")
    up = [command("neurobatch"), "up", "--port", str(free_port()), "--data-dir", str(tmp_path)]
    done = subprocess.run(up, env=clean_environment({}), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "The database cannot be migrated: " in done.stderr
    assert "of-tomorrow" in done.stderr
    assert not parts_of(tmp_path)


def test_a_database_and_a_broker_of_the_users_are_used_and_nothing_else(
    tmp_path: Path, postgres: PostgresServer, broker_url: str, demo_scans: Path
) -> None:
    database = postgres.clone("migrated")
    urls = {"NEUROBATCH_DATABASE_URL": postgres.url(database), "NEUROBATCH_REDIS_URL": broker_url}
    with running(tmp_path, **urls) as service:
        # Ready says that some worker is at this broker, which may be one of a test before.
        wait_until(lambda: set(parts_of(tmp_path)) == {"api", "worker", "relay"})
        batch = service.client.wait(service.client.submit([demo_scans])["id"], timeout_s=120)
        assert (batch["counts"]["succeeded"], batch["counts"]["rejected"]) == (39, 1)
    assert not list(tmp_path.glob("*.db*"))
    with psycopg.connect(dbname=database, user="postgres", host=str(postgres.folder)) as connection:
        rows = connection.execute("SELECT heatmap_path FROM predictions").fetchall()
    assert len(rows) == 39
    assert all((tmp_path / path).is_file() for (path,) in rows)
