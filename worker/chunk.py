"""One chunk's way through the stages: read, decode, predict, render, store.

What goes wrong with one scan is that scan's alone. Only a fault of the forward pass, which all share, is the
whole chunk's. Before the network and before the pictures it is asked which scans are still wanted, so that a cancelled
batch stops costing in mid-chunk.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, TypeVar

import numpy as np
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import SQLAlchemyError

from shared.artifacts import result_key
from shared.db import queries
from shared.db.queries import ClaimedScan, Outcome
from shared.db.releases import Fault
from shared.db.session import reading
from shared.domain import ScanState
from shared.opened import Opened
from worker.inference.types import Decoded, Explained, Predicted, Rejected, Source
from worker.runtime import Runtime

_log = structlog.get_logger(__name__)
_In = TypeVar("_In")
_Out = TypeVar("_Out")
ARTIFACT_COLUMNS = ("heatmap_path", "grid_path", "overlay_path")


class Chunk:
    """The scans of one claim; after `run`, each has an outcome or a fault."""

    def __init__(self, runtime: Runtime, claimed: Sequence[ClaimedScan]) -> None:
        self._runtime = runtime
        self.claimed = claimed
        self.outcomes: list[Outcome] = []
        self.faults: list[Fault] = []

    def run(self) -> None:
        """Bring every scan as far as it goes; raises what went wrong with all of them together."""
        waiting: list[tuple[ClaimedScan, Decoded]] = []
        pixels = 0
        with closing(self._runtime.pipeline.read([self._source(scan) for scan in self.claimed])) as pictures:
            for scan, opened in zip(self.claimed, pictures, strict=True):
                decoded = self._each(self._prepare, [(scan, opened)])
                waiting += decoded
                pixels += sum(one.image.size for _, one in decoded)
                if pixels >= self._runtime.pipeline.most_pixels_at_once:
                    self._finish(waiting)
                    waiting, pixels = [], 0
        self._finish(waiting)

    def _finish(self, decoded: Sequence[tuple[ClaimedScan, Decoded]]) -> None:
        predicted = self._predict(self._still_wanted(decoded))
        rendered = self._each(self._render, self._still_wanted(predicted))  # the last time: storing costs little
        stored = self._each(self._store, rendered)
        self.outcomes += [outcome for _, outcome in stored]

    def make_durable(self) -> None:
        """Bring what `run` wrote to the disk; OSError where that cannot be done, and nothing of it is left."""
        predictions = [outcome.prediction for outcome in self.outcomes if outcome.prediction is not None]
        keys = [prediction[column] for prediction in predictions for column in ARTIFACT_COLUMNS]
        try:
            self._runtime.store.make_durable(keys)
        except OSError:
            self._remove(keys)
            raise

    def _each(
        self, stage: Callable[[ClaimedScan, _In], _Out | Rejected], items: Sequence[tuple[ClaimedScan, _In]]
    ) -> list[tuple[ClaimedScan, _Out]]:
        done = []
        for scan, item in items:
            try:
                result = stage(scan, item)
            except SoftTimeLimitExceeded:
                raise  # the chunk's time is over, whoever spent it
            # Whatever the fault is, the other scans go on; the cause is logged and kept with the attempt.
            except Exception as error:  # noqa: BLE001
                _log.error("scan_failed", scan_id=str(scan.id), batch_id=str(scan.batch_id), exc_info=error)
                self.faults.append(fault_of(scan, error, own=True))
                continue
            if isinstance(result, Rejected):
                rejected = Outcome(scan, ScanState.REJECTED, code=result.code, message=result.message)
                self.outcomes.append(rejected)
            else:
                done.append((scan, result))
        return done

    def _still_wanted(self, items: Sequence[tuple[ClaimedScan, _In]]) -> list[tuple[ClaimedScan, _In]]:
        if not items:
            return []
        try:
            with reading(self._runtime.engine) as session:
                wanted = queries.wanted(session, [scan for scan, _ in items])
        except SQLAlchemyError as error:
            _log.warning("database_awaited", error=type(error).__name__)
            return list(items)
        # Only those whose claim still holds become cancelled; of a claim that was lost the record changes nothing.
        self.outcomes += [Outcome(scan, ScanState.CANCELLED) for scan, _ in items if scan.id not in wanted]
        return [(scan, item) for scan, item in items if scan.id in wanted]

    def _prepare(self, _: ClaimedScan, opened: Opened) -> Decoded | Rejected:
        return self._runtime.pipeline.prepare(opened)

    def _source(self, scan: ClaimedScan) -> Source:
        assert scan.upload_key is not None, "only scans whose upload was kept are ever queued"
        return Source(self._runtime.store.path(scan.upload_key), frame=scan.frame)

    def _predict(self, items: Sequence[tuple[ClaimedScan, Decoded]]) -> list[tuple[ClaimedScan, Predicted]]:
        predicted = self._runtime.pipeline.predict([decoded for _, decoded in items])
        results = [(scan, result) for (scan, _), result in zip(items, predicted, strict=True)]
        return self._each(lambda _, result: result, results)

    def _render(self, _: ClaimedScan, predicted: Predicted) -> Explained:
        return self._runtime.pipeline.render(predicted)

    def _store(self, scan: ClaimedScan, result: Explained) -> Outcome:
        grid = io.BytesIO()
        np.save(grid, result.grid)
        artifacts = {
            "heatmap_path": ("heatmap.png", result.heatmap_png),
            "grid_path": ("grid.npy", grid.getvalue()),
            "overlay_path": ("overlay.jpg", result.overlay),
        }
        paths = {
            column: result_key(scan.batch_id, scan.id, fence=scan.fence, name=name)
            for column, (name, _) in artifacts.items()
        }
        try:
            for column, (_, data) in artifacts.items():
                self._runtime.store.write(paths[column], data)
        except OSError:
            self._remove(paths.values())
            raise
        return Outcome(scan, ScanState.SUCCEEDED, prediction=_columns(self._runtime, result) | paths)

    def _remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._runtime.store.path(key).unlink(missing_ok=True)


def fault_of(scan: ClaimedScan, error: BaseException, *, own: bool) -> Fault:
    """What an exception means for a scan."""
    kinds: dict[type[BaseException], tuple[str, str]] = {
        SoftTimeLimitExceeded: ("timed_out", "Processing took too long"),
        OSError: ("storage_error", "The scan's files could not be read or written"),
    }
    found = next((told for kind, told in kinds.items() if isinstance(error, kind)), None)
    code, message = found or ("internal_error", "Processing failed")
    return Fault(scan, code, f"{message} ({type(error).__name__}), again and again.", own=own)


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
