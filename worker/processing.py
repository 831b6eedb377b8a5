"""One chunk's way: claim, run the pipeline, store artifacts, record.

The broker may deliver a chunk twice, late or never. The claim decides who works, and the fence in the claim
decides whose result counts, so every scan gets one result at most.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from billiard.exceptions import SoftTimeLimitExceeded

from shared.artifacts import result_key
from shared.db import queries
from shared.db.queries import ClaimedScan, Outcome
from shared.db.session import transaction
from shared.domain import ScanState
from worker.heartbeat import heartbeat
from worker.inference.types import Explained, Rejected, Source
from worker.runtime import Runtime

_log = structlog.get_logger(__name__)


def process_scans(runtime: Runtime, scan_ids: Collection[UUID]) -> None:
    """Bring every scan of a chunk that is still free to its end, or give it back for another attempt."""
    with transaction(runtime.engine) as session:
        claimed = queries.claim(
            session,
            scan_ids,
            worker=runtime.worker,
            now=runtime.clock(),
            lease_s=runtime.settings.lease_s,
        )
    if not claimed:
        return
    with structlog.contextvars.bound_contextvars(
        batch_ids=sorted({str(scan.batch_id) for scan in claimed}), scan_ids=[str(scan.id) for scan in claimed]
    ):
        try:
            with heartbeat(runtime, claimed):
                outcomes = _run(runtime, claimed)
        # Whatever the fault is, the claims must not be left behind: they are given back and the cause is logged.
        except (Exception, SoftTimeLimitExceeded) as error:  # noqa: BLE001
            _give_back(runtime, claimed, error)
        else:
            _record(runtime, outcomes, claimed=claimed)


def _run(runtime: Runtime, claimed: Sequence[ClaimedScan]) -> list[Outcome]:
    sources = [Source(_upload(runtime, scan), frame=scan.frame) for scan in claimed]
    results = runtime.pipeline.run(sources)
    return [
        _rejection(scan, result) if isinstance(result, Rejected) else _success(runtime, scan, result)
        for scan, result in zip(claimed, results, strict=True)
    ]


def _upload(runtime: Runtime, scan: ClaimedScan) -> bytes:
    assert scan.upload_key is not None, "only scans whose upload was kept are ever queued"
    return runtime.store.read(scan.upload_key)


def _rejection(scan: ClaimedScan, result: Rejected) -> Outcome:
    return Outcome(scan, ScanState.REJECTED, code=result.code, message=result.message)


def _success(runtime: Runtime, scan: ClaimedScan, result: Explained) -> Outcome:
    grid = io.BytesIO()
    np.save(grid, result.grid)
    artifacts = {
        "heatmap_path": ("heatmap.png", result.heatmap_png),
        "grid_path": ("grid.npy", grid.getvalue()),
        "overlay_path": ("overlay.jpg", result.overlay),
    }
    paths: dict[str, str] = {}
    for column, (name, data) in artifacts.items():
        paths[column] = result_key(scan.batch_id, scan.id, fence=scan.fence, name=name)
        runtime.store.write(paths[column], data)
    return Outcome(scan, ScanState.SUCCEEDED, prediction=_columns(runtime, result) | paths)


def _columns(runtime: Runtime, result: Explained) -> dict[str, Any]:
    prediction = result.prediction
    return {
        "model": runtime.model,
        "label": prediction.label,
        "probabilities": {str(label): p for label, p in prediction.probabilities.items()},
        "confidence": prediction.confidence,
        "needs_review": prediction.needs_review,
        "review_reasons": list(prediction.review_reasons),
        "focus_x": result.focus.x,
        "focus_y": result.focus.y,
        "frame_x": result.frame.x,
        "frame_y": result.frame.y,
        "frame_side": result.frame.side,
        "width": result.width,
        "height": result.height,
        "timings": result.timings,
    }


def _record(runtime: Runtime, outcomes: Sequence[Outcome], *, claimed: Sequence[ClaimedScan]) -> None:
    with transaction(runtime.engine) as session:
        held = queries.record(session, outcomes, now=runtime.clock())
    _discard(runtime, [outcome for outcome in outcomes if outcome.scan.id not in held])
    _log.info("chunk_recorded", scans=len(claimed), held=len(held))


def _discard(runtime: Runtime, outcomes: Sequence[Outcome]) -> None:
    """Remove artifacts of claims that were lost to another worker while this one was busy."""
    for outcome in outcomes:
        for column in ("heatmap_path", "grid_path", "overlay_path"):
            if outcome.prediction is not None:
                # Gone already where the whole batch was deleted meanwhile.
                runtime.store.path(outcome.prediction[column]).unlink(missing_ok=True)


def _give_back(runtime: Runtime, claimed: Sequence[ClaimedScan], error: BaseException) -> None:
    _log.error("chunk_failed", scans=len(claimed), exc_info=error)
    with transaction(runtime.engine) as session:
        queries.release(
            session,
            claimed,
            now=runtime.clock(),
            code="internal_error",
            message=f"Processing failed {queries.MAX_ATTEMPTS} times ({type(error).__name__}).",
        )
