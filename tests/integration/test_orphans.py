"""After one sweep every file has its row; nothing that may still be written is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, event

from shared.artifacts import LocalArtifactStore, result_key, staging_lock
from shared.audit import COMMAND, Action, append_entry
from shared.clock import utc_now
from shared.db import queries, releases
from shared.db.base import new_id
from shared.db.queries import Outcome
from shared.db.session import make_engine, transaction
from shared.domain import ScanState
from shared.liveness import hold
from shared.settings import Settings
from tests.conftest import ROOT
from tests.integration.submissions import RESULT
from tests.integration.test_delivery import add_batch
from worker.orphans import OrphanSweep, SweptFiles


@pytest.fixture
def store(settings: Settings) -> LocalArtifactStore:
    return LocalArtifactStore(settings.data_dir)


@pytest.fixture
def sweep(settings: Settings, engine: Engine) -> OrphanSweep:
    return OrphanSweep(engine, settings.data_dir, settings.orphan_after_s)


def files(data_dir: Path) -> set[str]:
    found = (p for kind in ("staging", "uploads", "artifacts") for p in (data_dir / kind).rglob("*") if p.is_file())
    return {path.relative_to(data_dir).as_posix() for path in found}


def write_results(store: LocalArtifactStore, batch_id: UUID, scan_id: UUID, *, fence: int) -> dict[str, str]:
    names = {"heatmap_path": "heatmap.png", "grid_path": "grid.npy", "overlay_path": "overlay.jpg"}
    paths = {column: result_key(batch_id, scan_id, fence=fence, name=name) for column, name in names.items()}
    for path in paths.values():
        store.write(path, b"x")
    return paths


def test_files_of_lost_claims_go_and_those_of_results_and_of_running_claims_stay(
    engine: Engine, store: LocalArtifactStore, sweep: OrphanSweep, settings: Settings
) -> None:
    batch_id, ids = add_batch(engine, 3)
    with transaction(engine) as session:
        done, lost, running = queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60)
    kept = write_results(store, batch_id, done.id, fence=1)
    with transaction(engine) as session:
        queries.record(session, [Outcome(done, ScanState.SUCCEEDED, prediction={**RESULT, **kept})], now=utc_now())
        releases.bury(session, [lost], now=utc_now(), settings=settings)
    write_results(store, batch_id, lost.id, fence=1)
    write_results(store, batch_id, done.id, fence=7)
    current = write_results(store, batch_id, running.id, fence=1)
    assert sweep.run() == SweptFiles(removed=6, missing=0)
    assert files(settings.data_dir) == set(kept.values()) | set(current.values())
    with transaction(engine) as session:
        releases.bury(session, [running], now=utc_now(), settings=settings)
    assert sweep.run() == SweptFiles(removed=3, missing=0)
    assert sweep.run() == SweptFiles(removed=0, missing=0)
    store.path(kept["grid_path"]).unlink()
    assert sweep.run() == SweptFiles(removed=0, missing=1)


@pytest.mark.parametrize("statement", range(4))
def test_a_result_that_is_recorded_during_the_sweep_keeps_its_files(
    engine: Engine, database_url: str, store: LocalArtifactStore, settings: Settings, statement: int
) -> None:
    """On PostgreSQL each query of one transaction sees what was committed before it."""
    batch_id, ids = add_batch(engine, 1)
    with transaction(engine) as session:
        (claimed,) = queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60)
    paths = write_results(store, batch_id, claimed.id, fence=1)
    outcome = Outcome(claimed, ScanState.SUCCEEDED, prediction={**RESULT, **paths})
    sweeping = make_engine(database_url)
    seen = 0

    def record_meanwhile(*_: object) -> None:
        nonlocal seen
        if seen == statement:
            with transaction(engine) as session:
                queries.record(session, [outcome], now=utc_now())
        seen += 1

    event.listen(sweeping, "before_cursor_execute", record_meanwhile)
    found = OrphanSweep(sweeping, settings.data_dir, settings.orphan_after_s).run()
    sweeping.dispose()
    assert seen > statement
    assert found == SweptFiles(removed=0, missing=0)


def put(data_dir: Path, kind: str, batch_id: UUID) -> Path:
    folder = data_dir / kind / str(batch_id)
    folder.mkdir(parents=True)
    (folder / "000000").write_bytes(b"x")
    return folder


def test_uploads_of_a_submission_that_died_go_and_those_of_a_living_one_stay(
    engine: Engine, sweep: OrphanSweep, settings: Settings
) -> None:
    stored, _ = add_batch(engine, 1)
    alive, died_early, died_late, cut_off = new_id(), new_id(), new_id(), new_id()
    kept = {put(settings.data_dir, "uploads", stored)}
    staged = put(settings.data_dir, "staging", alive)
    lock = staging_lock(settings.data_dir, alive)
    lock.write_text("another machine\nperhaps alive")
    kept.add(staged)
    put(settings.data_dir, "staging", died_early)
    hold(staging_lock(settings.data_dir, died_early), owner="a").abandon()
    put(settings.data_dir, "uploads", died_late)
    hold(staging_lock(settings.data_dir, died_late), owner="b").abandon()
    put(settings.data_dir, "uploads", cut_off)  # a deletion that was cut off after its commit
    assert sweep.run().removed == 3
    assert files(settings.data_dir) == {
        lock.relative_to(settings.data_dir).as_posix(),
        *((folder / "000000").relative_to(settings.data_dir).as_posix() for folder in kept),
    }


def test_a_submission_that_lives_here_stays_however_old_it_is(
    engine: Engine, sweep: OrphanSweep, settings: Settings
) -> None:
    """A slow line may take days over an upload."""
    stored, _ = add_batch(engine, 1)
    put(settings.data_dir, "uploads", stored)
    here, elsewhere = new_id(), new_id()
    staged = [put(settings.data_dir, "staging", batch_id) for batch_id in (here, elsewhere)]
    locks = [staging_lock(settings.data_dir, batch_id) for batch_id in (here, elsewhere)]
    locks[1].write_text("another machine\nperhaps alive")
    holding = "import sys; from pathlib import Path; from shared.liveness import hold;" + (
        "lock = hold(Path(sys.argv[1]), owner='a'); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, locks[0]], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for lock in locks:
            os.utime(lock, times=(0, 0))
        assert sweep.run().removed == 1
        assert [folder.exists() for folder in staged] == [True, False]
        holder.kill()
    assert sweep.run().removed == 1


def test_what_is_named_otherwise_is_left_alone(engine: Engine, sweep: OrphanSweep, settings: Settings) -> None:
    add_batch(engine, 1)
    for name in (
        "uploads/01990000-0000-7000-8000-000000000000.bak",
        "staging/.01990000-0000-7000-8000-000000000000.lock",
    ):
        (settings.data_dir / name).mkdir(parents=True)
    assert sweep.run() == SweptFiles(removed=0, missing=0)


def test_a_commit_whose_answer_was_lost_keeps_its_files(engine: Engine, sweep: OrphanSweep, settings: Settings) -> None:
    stored, _ = add_batch(engine, 1)
    folder = put(settings.data_dir, "uploads", stored)
    hold(staging_lock(settings.data_dir, stored), owner="a").abandon()
    assert sweep.run().removed == 0
    assert folder.is_dir()
    assert not staging_lock(settings.data_dir, stored).exists()


def test_a_data_directory_of_another_database_is_left_alone(sweep: OrphanSweep, settings: Settings) -> None:
    folders = [put(settings.data_dir, "uploads", new_id()) for _ in range(3)]
    assert sweep.run() == SweptFiles(removed=0, missing=0)
    assert all(folder.is_dir() for folder in folders)


def test_what_the_deletion_of_the_last_batch_left_goes(engine: Engine, sweep: OrphanSweep, settings: Settings) -> None:
    """Cut off after its commit, or followed by a worker that was still writing; no other batch need be there."""
    deleted = new_id()
    with transaction(engine) as session:
        append_entry(session, Action.BATCH_SUBMITTED, actor=COMMAND, now=utc_now(), subject=deleted)
    left = [put(settings.data_dir, "uploads", deleted), settings.data_dir / "artifacts" / str(deleted)]
    left[1].mkdir(parents=True)
    assert sweep.run().removed == 2
    assert not any(folder.exists() for folder in left)
