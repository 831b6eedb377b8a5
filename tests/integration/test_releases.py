"""Giving claims back: chunks that break are cut up, and only what happens to a scan alone counts against it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, select

from shared.db import releases
from shared.db.models import Attempt, Scan
from shared.db.queries import ClaimedScan, Outcome, record
from shared.db.releases import Fault
from shared.db.session import reading, transaction
from shared.dispatch import chunks
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.test_delivery import NOW, add_batch, claim, states

SETTINGS = Settings()


def bury(engine: Engine, scans: list[ClaimedScan]) -> None:
    with transaction(engine) as session:
        assert releases.bury(session, scans, now=NOW, settings=SETTINGS) == len(scans)


def give_back(engine: Engine, *scans: ClaimedScan, own: bool = False) -> None:
    with transaction(engine) as session:
        faults = [Fault(scan, "internal_error", "broke", own=own) for scan in scans]
        releases.give_back(session, faults, now=NOW, settings=SETTINGS)


def row(engine: Engine, scan_id: UUID) -> Scan:
    with reading(engine) as session:
        scan = session.get(Scan, scan_id)
    assert scan is not None
    return scan


def test_a_chunk_that_kills_its_process_is_cut_up_until_the_culprit_is_alone(engine: Engine) -> None:
    """Plays workers that die whenever they hold the poison scan."""
    batch_id, ids = add_batch(engine, 32)
    poison, waiting, deaths = ids[13], list(chunks([(i, None) for i in ids], chunk_size=32)), 0
    while waiting:
        claimed = claim(engine, waiting.pop(0))
        if poison in {scan.id for scan in claimed}:
            bury(engine, claimed)
            deaths += 1
            again = [row(engine, scan.id) for scan in claimed]
            queued = [(scan.id, scan.chunk_limit) for scan in again if scan.state is ScanState.QUEUED]
            waiting += chunks(queued, chunk_size=32)
        else:
            with transaction(engine) as session:
                record(session, [Outcome(s, ScanState.REJECTED) for s in claimed], now=NOW)
    assert states(engine, batch_id) == {ScanState.REJECTED: 31, ScanState.FAILED: 1}
    assert row(engine, poison).code == "worker_lost"
    assert deaths == 2 + SETTINGS.deaths_limit
    neighbours = [row(engine, i) for i in ids if i != poison]
    assert {scan.lone_deaths for scan in neighbours} == {0}


def test_deaths_in_company_never_fail_a_scan(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 2)
    for _ in range(3 * SETTINGS.deaths_limit):
        bury(engine, _claim_together(engine, ids))
    assert states(engine, batch_id) == {ScanState.QUEUED: 2}


def _claim_together(engine: Engine, ids: list[UUID]) -> list[ClaimedScan]:
    with transaction(engine) as session:
        for scan in session.scalars(select(Scan).where(Scan.id.in_(ids))):
            scan.chunk_limit = None
    return claim(engine, ids)


def test_an_old_message_does_not_bring_a_poison_scan_into_company_again(engine: Engine) -> None:
    _, ids = add_batch(engine, 4)
    bury(engine, claim(engine, ids[:2]))
    assert [scan.id for scan in claim(engine, ids)] == ids[2:]
    assert [scan.id for scan in claim(engine, ids)] == ids[:1]
    assert [scan.id for scan in claim(engine, ids)] == ids[1:2]


def test_faults_are_bounded_and_each_attempt_says_why_it_ended(engine: Engine) -> None:
    batch_id, ids = add_batch(engine, 1)
    for _ in range(SETTINGS.attempts_limit):
        give_back(engine, *claim(engine, ids))
    assert claim(engine, ids) == []
    assert states(engine, batch_id) == {ScanState.FAILED: 1}
    scan = row(engine, ids[0])
    assert (scan.code, scan.message) == ("internal_error", "broke")
    with reading(engine) as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.fence)).all()
    assert [a.outcome for a in attempts] == ["released"] * (SETTINGS.attempts_limit - 1) + ["failed"]
    assert {a.reason for a in attempts} == {"internal_error"}


def test_a_fault_of_the_whole_chunk_splits_it_and_counts_against_nobody(engine: Engine) -> None:
    _, ids = add_batch(engine, 16)
    give_back(engine, *claim(engine, ids))
    assert {(row(engine, i).faults, row(engine, i).chunk_limit) for i in ids} == {(0, 2)}


def test_a_fault_of_its_own_counts_in_company_too_and_leaves_the_chunk_whole(engine: Engine) -> None:
    _, ids = add_batch(engine, 16)
    give_back(engine, claim(engine, ids)[3], own=True)
    assert (row(engine, ids[3]).faults, row(engine, ids[3]).chunk_limit) == (1, None)


def test_pauses_grow_are_scattered_and_bounded() -> None:
    for times, longest in ((1, 2), (2, 4), (5, 32), (6, 60), (40, 60)):
        pauses = {releases.pause_s(times, settings=SETTINGS) for _ in range(50)}
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_a_released_scan_waits_for_its_pause(engine: Engine) -> None:
    _, ids = add_batch(engine, 1)
    give_back(engine, *claim(engine, ids))
    due_at = row(engine, ids[0]).due_at
    assert due_at is not None
    assert NOW < due_at <= NOW + timedelta(seconds=SETTINGS.retry_pause_s)


def test_the_claims_of_one_worker_are_found(engine: Engine) -> None:
    _, ids = add_batch(engine, 6)
    mine = claim(engine, ids[:2], worker="mine")
    claim(engine, ids[2:4], worker="other")
    bury(engine, claim(engine, ids[4:], worker="mine"))
    with reading(engine) as session:
        assert releases.held_by(session, "mine") == mine
