"""Accept, dispatch, claim, record, count: on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from shared import dispatch, messages
from shared.broker import make_celery
from shared.db import queries, releases
from shared.db.base import new_id
from shared.db.models import Attempt, Batch, Prediction, Scan
from shared.db.queries import ClaimedScan, Outcome
from shared.db.releases import Fault
from shared.db.session import reading, transaction
from shared.domain import ScanState, TumorClass
from shared.settings import Settings

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RESULT = {
    "model": "m",
    "label": TumorClass.GLIOMA,
    "probabilities": {"glioma": 1.0},
    "confidence": 1.0,
    "needs_review": False,
    "review_reasons": [],
    "heatmap_path": "h",
    "grid_path": "g",
    "overlay_path": "o",
    "focus_x": 1,
    "focus_y": 2,
    "frame_x": 0.0,
    "frame_y": 0.0,
    "frame_side": 10.0,
    "width": 10,
    "height": 10,
    "timings": {},
}


def add_batch(engine: Engine, scans: int) -> tuple[UUID, list[UUID]]:
    batch_id, ids = new_id(), [new_id() for _ in range(scans)]
    with transaction(engine) as session:
        session.add(Batch(id=batch_id, details={}, created_at=NOW))
        session.flush()
        session.execute(
            insert(Scan),
            [
                {
                    "id": i,
                    "batch_id": batch_id,
                    "filename": "a.png",
                    "upload_key": "uploads/a",
                    "size_bytes": 1,
                    "sha256": "",
                    "created_at": NOW,
                }
                for i in ids
            ],
        )
    return batch_id, ids


def claim(engine: Engine, ids: list[UUID], *, worker: str = "w", now: datetime = NOW) -> list[ClaimedScan]:
    with transaction(engine) as session:
        return queries.claim(session, ids, worker=worker, now=now, lease_s=60)


def record(engine: Engine, outcomes: list[Outcome]) -> set[UUID]:
    with transaction(engine) as session:
        return queries.record(session, outcomes, now=NOW)


def bury_expired(engine: Engine, *, now: datetime) -> int:
    with transaction(engine) as session:
        silent = [scan for scan, _ in releases.expired(session, now=now, limit=10)]
        return releases.bury(session, silent, now=now, settings=Settings())


def states(engine: Engine, batch_id: UUID) -> dict[ScanState, int]:
    with reading(engine) as session:
        counts = queries.progress(session, [batch_id])[batch_id].counts
    return {state: n for state, n in counts.items() if n}


def test_ids_sort_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert {i.version for i in ids} == {7}


def test_a_scan_is_claimed_once(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 3)
    assert [scan.id for scan in claim(engine, ids)] == ids
    assert claim(engine, ids) == []
    assert states(engine, batch_id) == {ScanState.RUNNING: 3}


def test_scans_of_lost_claims_and_of_batches_to_be_cancelled_are_no_longer_wanted(engine: Engine) -> None:
    (_, kept), (cancelled, others) = add_batch(engine, 2), add_batch(engine, 1)
    claimed = claim(engine, kept + others)
    overtaken = replace(claimed[0], fence=claimed[0].fence - 1)
    with transaction(engine) as session:
        assert queries.wanted(session, claimed) == {*kept, *others}
        assert queries.wanted(session, [overtaken, claimed[1]]) == {kept[1]}
        session.get_one(Batch, cancelled).cancel_requested_at = NOW
        session.flush()
        assert queries.wanted(session, claimed) == {*kept}


def test_two_workers_at_once_share_no_scan(engine: Engine) -> None:
    _, ids = add_batch(engine, 40)
    start = threading.Barrier(4)
    won: list[UUID] = []

    def work(number: int) -> None:
        start.wait()
        won.extend(scan.id for scan in claim(engine, ids, worker=f"w{number}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == ids


def test_recording_keeps_result_state_and_attempt_together(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 2)
    good, bad = claim(engine, ids)
    held = record(
        engine,
        [
            Outcome(good, ScanState.SUCCEEDED, prediction=RESULT),
            Outcome(bad, ScanState.REJECTED, code="not_an_image", message="no"),
        ],
    )
    assert held == set(ids)
    assert states(engine, batch_id) == {ScanState.SUCCEEDED: 1, ScanState.REJECTED: 1}
    with reading(engine) as session:
        assert session.scalars(select(Prediction.scan_id)).all() == [good.id]
        attempts = session.scalars(select(Attempt).order_by(Attempt.scan_id)).all()
    assert [(a.outcome, a.reason) for a in attempts] == [("succeeded", None), ("rejected", "not_an_image")]


def test_a_lost_claim_records_nothing(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 1)
    (slow,) = claim(engine, ids)
    bury_expired(engine, now=NOW + timedelta(seconds=61))
    (quick,) = claim(engine, ids, worker="other")
    assert quick.fence == slow.fence + 1
    assert record(engine, [Outcome(slow, ScanState.SUCCEEDED, prediction=RESULT)]) == set()
    assert states(engine, batch_id) == {ScanState.RUNNING: 1}
    assert record(engine, [Outcome(quick, ScanState.SUCCEEDED, prediction=RESULT)]) == set(ids)
    assert record(engine, [Outcome(quick, ScanState.SUCCEEDED, prediction=RESULT)]) == set()
    with reading(engine) as session:
        assert len(session.scalars(select(Prediction)).all()) == 1


def test_a_second_result_for_one_scan_cannot_exist(engine: Engine) -> None:
    batch_id, (scan_id,) = add_batch(engine, 1)
    row = {"scan_id": scan_id, "batch_id": batch_id, "created_at": NOW, **RESULT}
    with transaction(engine) as session:
        session.execute(insert(Prediction), [row])
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.execute(insert(Prediction), [row])


def test_leases_that_hold_are_left_alone(engine: Engine) -> None:
    _, ids = add_batch(engine, 1)
    claim(engine, ids)
    assert bury_expired(engine, now=NOW + timedelta(seconds=59)) == 0


def test_a_renewed_lease_holds_longer_and_a_lost_one_is_not_renewed(engine: Engine) -> None:
    _, ids = add_batch(engine, 2)
    kept, lost = claim(engine, ids)
    with transaction(engine) as session:
        releases.give_back(session, [Fault(lost, "c", "m")], now=NOW, settings=Settings())
        queries.renew(session, [kept, lost], until=NOW + timedelta(seconds=120))
    assert bury_expired(engine, now=NOW + timedelta(seconds=119)) == 0
    assert bury_expired(engine, now=NOW + timedelta(seconds=121)) == 1


@pytest.fixture
def celery(settings: Settings) -> Celery:
    return make_celery(settings)


def waiting_messages(celery: Celery) -> list[dict[str, list[str]]]:
    with celery.connection() as connection:
        queue = connection.SimpleQueue(messages.SCANS_QUEUE)
        found = []
        with suppress(queue.Empty):
            while True:
                message = queue.get(block=False)
                message.ack()
                found.append(message.payload[1])
        queue.close()
    return found


def test_dispatch_publishes_every_scan_once_in_chunks(engine: Engine, celery: Celery) -> None:
    _, ids = add_batch(engine, 10)
    assert dispatch.dispatch_pending(engine, celery, clock=lambda: NOW, chunk_size=4) == 10
    assert dispatch.dispatch_pending(engine, celery, clock=lambda: NOW, chunk_size=4) == 0
    published = [payload["scan_ids"] for payload in waiting_messages(celery)]
    assert [len(chunk) for chunk in published] == [4, 4, 2]
    assert [UUID(i) for chunk in published for i in chunk] == ids


def test_a_broker_that_is_down_leaves_scans_waiting(engine: Engine, celery: Celery) -> None:
    add_batch(engine, 2)
    nowhere = Settings(redis_url="redis+socket:///nowhere.sock?virtual_host=0")
    with pytest.raises((OperationalError, OSError)):
        dispatch.dispatch_pending(engine, make_celery(nowhere), clock=lambda: NOW, chunk_size=4)
    assert dispatch.dispatch_pending(engine, celery, clock=lambda: NOW, chunk_size=4) == 2


def test_a_released_scan_goes_out_again_when_it_is_due(engine: Engine, celery: Celery) -> None:
    _, ids = add_batch(engine, 1)
    dispatch.dispatch_pending(engine, celery, clock=lambda: NOW, chunk_size=4)
    (claimed,) = claim(engine, ids)
    with transaction(engine) as session:
        releases.give_back(session, [Fault(claimed, "c", "m")], now=NOW, settings=Settings())
    assert dispatch.dispatch_pending(engine, celery, clock=lambda: NOW, chunk_size=4) == 0
    later = NOW + timedelta(minutes=1)
    assert dispatch.dispatch_pending(engine, celery, clock=lambda: later, chunk_size=4) == 1


def test_progress_spans_the_scans_times(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 2)
    claim(engine, ids[:1], now=NOW + timedelta(seconds=1))
    claim(engine, ids[1:], now=NOW + timedelta(seconds=2))
    with reading(engine) as session:
        progress = queries.progress(session, [batch_id])[batch_id]
    assert progress.started_at == NOW + timedelta(seconds=1)
    assert progress.ended_at is None
    assert sum(progress.counts.values()) == 2


def test_progress_of_many_batches_is_that_of_each(engine: Engine) -> None:
    batches = [add_batch(engine, scans) for scans in (1, 2, 3)]
    for number, (_, ids) in enumerate(batches):
        claim(engine, ids[:number], now=NOW + timedelta(seconds=number))
    with reading(engine) as session:
        progress = queries.progress(session, [batch_id for batch_id, _ in batches])
    for number, (batch_id, _) in enumerate(batches):
        assert progress[batch_id].counts[ScanState.RUNNING] == number
        assert progress[batch_id].counts[ScanState.QUEUED] == 1
        assert progress[batch_id].started_at == (NOW + timedelta(seconds=number) if number else None)
