"""Prometheus metrics, counted in SQL at each scrape: the same truth that the API tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.services import Services
from shared.audit import refused_logins
from shared.db.models import Attempt, Prediction, Scan
from shared.db.session import reading
from shared.domain import ScanState

_RECENT_PREDICTIONS = 500


def render(services: Services) -> tuple[bytes, str]:
    """The metrics as text and their content type."""
    registry = CollectorRegistry()
    registry.register(_ScanMetrics(services))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _ScanMetrics(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        with reading(self._services.engine) as session:
            yield from self._queue(session)
            yield _retries(session)
            yield _refusals(session)
            yield _stages(session)

    def _queue(self, session: Session) -> Iterator[Metric]:
        counted = dict(session.execute(select(Scan.state, func.count()).group_by(Scan.state)).all())
        by_state = GaugeMetricFamily("neurobatch_scans", "Scans by state.", labels=["state"])
        for state in ScanState:
            by_state.add_metric([state], counted.get(state, 0))
        yield by_state
        yield GaugeMetricFamily("neurobatch_queue_depth", "Scans waiting.", value=counted.get(ScanState.QUEUED, 0))
        # Of one that was queued again, since then: what failed last week has not waited for a week.
        waits_since = func.min(func.coalesce(Scan.due_at, Scan.created_at))
        oldest = session.scalar(select(waits_since).where(Scan.state == ScanState.QUEUED))
        waited_s = max(0.0, (self._services.clock() - oldest).total_seconds()) if oldest else 0.0
        yield GaugeMetricFamily(
            "neurobatch_oldest_waiting_seconds",
            "How long the oldest in the queue has waited.",
            value=waited_s,
        )


def _retries(session: Session) -> Metric:
    released = session.scalar(select(func.count()).select_from(Attempt).where(Attempt.outcome == "released"))
    return GaugeMetricFamily("neurobatch_retried_attempts", "Attempts that were given back.", value=released or 0)


def _refusals(session: Session) -> Metric:
    return GaugeMetricFamily(
        "neurobatch_refused_logins",
        "Requests with a wrong API key, as far as the audit trail was told.",
        value=refused_logins(session),
    )


def _stages(session: Session) -> Metric:
    recent = session.scalars(
        select(Prediction.timings).order_by(Prediction.scan_id.desc()).limit(_RECENT_PREDICTIONS)
    ).all()
    taken_ms: dict[str, list[float]] = defaultdict(list)
    for timings in recent:
        for stage, duration_ms in timings.items():
            taken_ms[stage].append(duration_ms)
    family = SummaryMetricFamily(
        "neurobatch_stage_duration_seconds",
        f"Time a scan spends in each stage, over the last {_RECENT_PREDICTIONS} results.",
        labels=["stage"],
    )
    for stage, durations in sorted(taken_ms.items()):
        family.add_metric([stage], count_value=len(durations), sum_value=sum(durations) / 1000)
    return family
