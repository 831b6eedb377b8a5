"""What no message will ever finish is found and set going again, on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from celery import Celery
from sqlalchemy import Engine, select, update

from shared.broker import make_celery
from shared.clock import utc_now
from shared.db import queries
from shared.db.models import Batch, Scan
from shared.db.session import make_engine, reading, transaction
from shared.dispatch import dispatch_pending
from shared.domain import ScanState
from shared.liveness import WORKERS_FOLDER, hold
from shared.settings import Settings
from tests.e2e.running import wait_until
from tests.integration.test_delivery import add_batch, states, waiting_messages
from worker.orphans import OrphanSweep, SweptFiles
from worker.reconciler import Reconciler
from worker.relay import Relay


@pytest.fixture
def celery(settings: Settings) -> Iterator[Celery]:
    celery = make_celery(settings)
    yield celery
    celery.close()


@pytest.fixture
def reconciler_at(settings: Settings, engine: Engine) -> Iterator[Callable[..., Reconciler]]:
    made: list[Reconciler] = []

    def make(seconds_later: float = 0, *, silence_s: float | None = 0) -> Reconciler:
        later = timedelta(seconds=seconds_later)
        made.append(Reconciler(settings, engine, clock=lambda: utc_now() + later, silence_s=silence_s))
        return made[-1]

    yield make
    for reconciler in made:
        reconciler.close()


def claim(engine: Engine, ids: list[UUID], *, worker: str) -> None:
    with transaction(engine) as session:
        assert queries.claim(session, ids, worker=worker, now=utc_now(), lease_s=60)


def test_the_claims_of_a_dead_process_are_given_back_before_their_lease_ends(
    settings: Settings, engine: Engine, reconciler_at: Callable[..., Reconciler]
) -> None:
    batch_id, ids = add_batch(engine, 3)
    folder = settings.data_dir / WORKERS_FOLDER
    hold(folder / "dead.lock", owner="dead").abandon()
    claim(engine, ids[:2], worker="dead")
    claim(engine, ids[2:], worker="of-another-machine")
    (folder / "other.lock").write_text("another machine\nof-another-machine")
    assert reconciler_at().release_lost() == 2
    assert states(engine, batch_id) == {ScanState.QUEUED: 2, ScanState.RUNNING: 1}
    assert [path.name for path in folder.iterdir()] == ["other.lock"]
    assert reconciler_at(61).release_lost() == 1


def test_a_worker_that_renews_its_lease_keeps_its_claim_whatever_the_clock_says(
    engine: Engine, reconciler_at: Callable[..., Reconciler]
) -> None:
    _, ids = add_batch(engine, 1)
    with transaction(engine) as session:
        claimed = queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60)
    ahead = reconciler_at(3600, silence_s=0.05)
    for _ in range(4):
        assert ahead.release_lost() == 0
        with transaction(engine) as session:
            queries.renew(session, claimed, until=utc_now() + timedelta(seconds=60))
        time.sleep(0.06)
    assert ahead.release_lost() == 0
    time.sleep(0.06)
    assert ahead.release_lost() == 1


def test_a_lease_that_ran_out_is_left_for_half_a_lease_more(settings: Settings, engine: Engine) -> None:
    _, ids = add_batch(engine, 1)
    claim(engine, ids, worker="w")
    lease_s = 1.0
    hasty = settings.model_copy(update={"lease_s": lease_s})
    with closing(Reconciler(hasty, engine, clock=lambda: utc_now() + timedelta(seconds=61))) as reconciler:
        began = time.monotonic()
        wait_until(reconciler.release_lost)
        assert time.monotonic() - began >= lease_s / 2


def lost(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.scalars(select(Scan.id).where(Scan.dispatched_at.is_(None))).all())


def test_messages_that_an_emptied_broker_lost_go_out_again(
    engine: Engine, celery: Celery, reconciler_at: Callable[..., Reconciler]
) -> None:
    _, ids = add_batch(engine, 5)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=2)
    waiting_messages(celery)  # taken away by nobody
    assert reconciler_at().sweep()["scans to publish again"] == 0
    assert reconciler_at(20).sweep()["scans to publish again"] == 5
    assert dispatch_pending(engine, celery, clock=utc_now, chunk_size=5) == 5
    assert [UUID(i) for i in waiting_messages(celery)[0]["scan_ids"]] == ids


def test_an_honest_queue_is_not_multiplied_however_long_it_waits(
    engine: Engine, celery: Celery, reconciler_at: Callable[..., Reconciler]
) -> None:
    _, ids = add_batch(engine, 6)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=2)
    assert reconciler_at(3600).sweep()["scans to publish again"] == 0
    claim(engine, ids[:2], worker="w")
    assert reconciler_at(3600).sweep()["scans to publish again"] == 0
    assert len(waiting_messages(celery)) == 3


def test_a_scan_that_was_overtaken_in_the_queue_has_lost_its_message(
    engine: Engine, celery: Celery, reconciler_at: Callable[..., Reconciler]
) -> None:
    add_batch(engine, 4)
    dispatch_pending(engine, celery, clock=lambda: utc_now() - timedelta(seconds=60), chunk_size=4)
    waiting_messages(celery)
    _, later = add_batch(engine, 4)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=2)
    claim(engine, later[:2], worker="w")
    assert reconciler_at().sweep()["scans to publish again"] == 4
    assert lost(engine) == 4


def test_what_waits_in_a_cancelled_batch_is_ended(engine: Engine, reconciler_at: Callable[..., Reconciler]) -> None:
    batch_id, _ = add_batch(engine, 2)
    with transaction(engine) as session:
        session.execute(update(Batch).values(cancel_requested_at=utc_now()))
    assert reconciler_at().sweep()["scans cancelled"] == 2
    assert states(engine, batch_id) == {ScanState.CANCELLED: 2}


def test_nothing_waits_for_times_that_a_wrong_clock_has_set(
    engine: Engine, reconciler_at: Callable[..., Reconciler]
) -> None:
    _, ids = add_batch(engine, 3)
    claim(engine, ids[:1], worker="w")
    far = utc_now() + timedelta(days=365)
    with transaction(engine) as session:
        session.execute(update(Scan).where(Scan.id == ids[0]).values(lease_until=far))
        session.execute(update(Scan).where(Scan.id == ids[1]).values(due_at=far))
        session.execute(update(Scan).where(Scan.id == ids[2]).values(dispatched_at=far))
    assert reconciler_at().sweep()["times mended"] == 3
    assert reconciler_at().sweep()["times mended"] == 0
    assert reconciler_at(61).release_lost() == 1
    assert reconciler_at(61).sweep()["scans to publish again"] == 1


class _Relays:
    """Relays whose clock can be moved, each with connections of its own as in its own process."""

    def __init__(self, settings: Settings) -> None:
        self.ahead = timedelta()
        self.left: list[Relay] = []
        self.settings = settings
        self._made: list[Relay] = []

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def make(self) -> Relay:
        engine, celery = make_engine(self.settings.sql_url), make_celery(self.settings)
        self._made.append(Relay(self.settings, engine, celery, clock=self.now))
        return self._made[-1]

    def close(self) -> None:
        for relay in self._made:
            if relay not in self.left:
                relay.leave()


@pytest.fixture
def relays(settings: Settings, engine: Engine) -> Iterator[_Relays]:
    relays = _Relays(settings)
    yield relays
    relays.close()


def test_of_several_relays_one_works_until_it_falls_silent(relays: _Relays, settings: Settings) -> None:
    first, second = relays.make(), relays.make()
    assert first.turn()
    assert not second.turn()
    assert second._sign.path.exists()  # the waiting one takes itself for no dead one
    relays.ahead += timedelta(seconds=settings.relay_lease_s / 2)
    assert first.turn()
    relays.ahead += timedelta(seconds=settings.relay_lease_s + 1)
    assert second.turn()
    assert not first.turn()


def test_a_relay_that_leaves_is_followed_at_once(relays: _Relays) -> None:
    first, second = relays.make(), relays.make()
    assert first.turn()
    first.leave()
    relays.left.append(first)
    assert second.turn()


def test_a_relay_that_was_killed_is_followed_before_its_lease_ends(relays: _Relays) -> None:
    first, second = relays.make(), relays.make()
    assert first.turn()
    first._sign.abandon()  # what the kernel does at its death
    assert not second.turn()
    assert second.turn()
    first._sign = hold(first._sign.path, owner="first")


def test_a_relay_publishes_what_waits_and_what_the_dead_held(
    relays: _Relays, settings: Settings, engine: Engine, celery: Celery
) -> None:
    _, ids = add_batch(engine, 4)
    hold(settings.data_dir / WORKERS_FOLDER / "dead.lock", owner="dead").abandon()
    claim(engine, ids[:2], worker="dead")
    relay = relays.make()
    relay.turn()
    assert [payload["scan_ids"] for payload in waiting_messages(celery)] == [[str(i) for i in ids[2:]]]
    relays.ahead += timedelta(seconds=settings.retry_pause_s)
    relay.turn()
    assert [payload["scan_ids"] for payload in waiting_messages(celery)] == [[str(ids[0])], [str(ids[1])]]


def test_a_long_sweep_keeps_nothing_waiting_and_runs_alone(
    relays: _Relays, engine: Engine, celery: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = [], threading.Event()

    def look_through(_: OrphanSweep) -> SweptFiles:
        begun.append(time.monotonic())
        assert may_end.wait(20)
        return SweptFiles(removed=0, missing=0)

    monkeypatch.setattr(OrphanSweep, "run", look_through)
    relays.settings = relays.settings.model_copy(update={"sweep_interval_s": 0.01})
    relay = relays.make()
    assert relay.turn()
    wait_until(lambda: bool(begun))
    add_batch(engine, 2)
    for _ in range(2):
        time.sleep(0.02)
        assert relay.turn()
    assert len(waiting_messages(celery)) == 1
    assert len(begun) == 1
    may_end.set()


def test_a_lock_that_cannot_be_opened_stops_no_other(
    settings: Settings, engine: Engine, reconciler_at: Callable[..., Reconciler]
) -> None:
    """As another user's cannot; as root, only what is no file."""
    (settings.data_dir / WORKERS_FOLDER / "a.lock").mkdir(parents=True)
    _, ids = add_batch(engine, 2)
    claim(engine, ids, worker="b")
    hold(settings.data_dir / WORKERS_FOLDER / "b.lock", owner="b").abandon()
    assert reconciler_at().release_lost() == 2
