"""One message's way: claim, run the chunk, record.

The broker may deliver a chunk twice, late or never. The claim decides who works, and the fence in the claim
decides whose result counts, so every scan gets one result at most.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.db import queries, releases
from shared.db.events import lock_batches
from shared.db.models import Prediction
from shared.db.queries import ClaimedScan, Outcome
from shared.db.releases import Fault
from worker.chunk import ARTIFACT_COLUMNS, Chunk, fault_of
from worker.finisher import Finisher
from worker.heartbeat import heartbeat
from worker.patience import patiently
from worker.runtime import Runtime

_log = structlog.get_logger(__name__)


def process_scans(runtime: Runtime, scan_ids: Collection[UUID], *, finisher: Finisher | None = None) -> None:
    """Bring every scan of a chunk that is still free to its end, or give it back for another attempt.

    Disk and rows are left to a `finisher` that is given, and the claims hold until it has come to them.
    """
    claimed = _claim(runtime, scan_ids)
    if not claimed:
        return
    with structlog.contextvars.bound_contextvars(
        batch_ids=sorted({str(scan.batch_id) for scan in claimed}), scan_ids=[str(scan.id) for scan in claimed]
    ):
        alive = ExitStack()
        try:
            alive.enter_context(heartbeat(runtime, claimed))
            if len(claimed) == 1 and finisher is not None:
                # It may be what kills processes: no other chunk is to be blamed for it, nor it for another.
                finisher.wait()
                finisher = None
            chunk = Chunk(runtime, claimed)
            chunk.run()
            if finisher is None:
                _end(runtime, chunk, alive)
            else:
                finisher.finish(lambda: _end(runtime, chunk, alive))
        # Whatever the fault is, the claims must not be left behind: they are given back and the cause is logged.
        except Exception as error:  # noqa: BLE001
            alive.close()
            _fail(runtime, claimed, error)
        except BaseException:
            alive.close()
            raise


def _end(runtime: Runtime, chunk: Chunk, alive: ExitStack) -> None:
    """Bring a chunk's files to the disk and record it; `alive` keeps its claims until that is done."""
    try:
        with alive:
            chunk.make_durable()
            _record(runtime, chunk.outcomes, chunk.faults)
    except Exception as error:  # noqa: BLE001  (as above)
        _fail(runtime, chunk.claimed, error)


def _fail(runtime: Runtime, claimed: Sequence[ClaimedScan], error: Exception) -> None:
    _log.error("chunk_failed", scans=len(claimed), exc_info=error)
    _give_back(runtime, [fault_of(scan, error, own=False) for scan in claimed])


def _claim(runtime: Runtime, scan_ids: Collection[UUID]) -> list[ClaimedScan]:
    tries = 0

    def write(session: Session) -> list[ClaimedScan]:
        nonlocal tries
        # An earlier try may have been committed although its answer was lost.
        held = releases.held_by(session, runtime.worker) if tries else []
        mine = [scan for scan in held if scan.id in scan_ids]  # other claims are of the chunk before, not ended yet
        tries += 1
        lease_s = runtime.settings.lease_s
        return mine or queries.claim(session, scan_ids, worker=runtime.worker, now=runtime.clock(), lease_s=lease_s)

    # With the machine's power this worker would be gone, too, and its claims are worth nothing without it.
    return patiently(runtime.engine, write, within_s=_patience_s(runtime), durable=False)


def _record(runtime: Runtime, outcomes: Sequence[Outcome], faults: Sequence[Fault]) -> None:
    def write(session: Session) -> set[UUID]:
        if outcomes and faults:
            lock_batches(session, {each.scan.batch_id for each in outcomes} | {each.scan.batch_id for each in faults})
        held = queries.record(session, outcomes, now=runtime.clock())
        releases.give_back(session, faults, now=runtime.clock(), settings=runtime.settings)
        return held

    held = patiently(runtime.engine, write, within_s=_patience_s(runtime))
    _discard(runtime, [outcome for outcome in outcomes if outcome.scan.id not in held])
    _log.info("chunk_recorded", scans=len(outcomes), held=len(held), faults=len(faults))


def _discard(runtime: Runtime, outcomes: Sequence[Outcome]) -> None:
    """Remove artifacts of claims that were lost to another worker while this one was busy.

    A claim also counts as lost where an earlier try to record it was committed and only the answer was lost, so
    the database is asked which files it names.
    """
    if not outcomes:
        return
    ids = [outcome.scan.id for outcome in outcomes]
    query = select(Prediction.heatmap_path).where(Prediction.scan_id.in_(ids))
    named = set(patiently(runtime.engine, lambda session: session.scalars(query).all(), within_s=_patience_s(runtime)))
    for outcome in outcomes:
        if outcome.prediction is not None and outcome.prediction["heatmap_path"] not in named:
            for column in ARTIFACT_COLUMNS:
                # Gone already where the whole batch was deleted meanwhile.
                runtime.store.path(outcome.prediction[column]).unlink(missing_ok=True)


def _give_back(runtime: Runtime, faults: Sequence[Fault]) -> None:
    """As much as the database allows: claims that cannot be given back end with their lease."""
    try:
        patiently(
            runtime.engine,
            lambda session: releases.give_back(session, faults, now=runtime.clock(), settings=runtime.settings),
            within_s=_patience_s(runtime),
        )
    except SQLAlchemyError as error:
        _log.error("claims_left_to_their_lease", scans=len(faults), error=type(error).__name__)


def _patience_s(runtime: Runtime) -> float:
    """How long a database may be away before a chunk is given up: longer than a lease it makes no sense to wait."""
    return runtime.settings.lease_s
