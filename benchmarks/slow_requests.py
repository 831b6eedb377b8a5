"""The requests whose 95th percentile is beyond the aim, be they in the headline or not: with a key, and without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_AIM_MS = 30.0
_MOST = 8  # told of each, the slowest first


def slow_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown, none where every kind of request is quicker."""
    reading = document.get("reading", {})
    rows = [*_rows(reading, key="no"), *_rows(reading.get("with_key", {}), key="yes")]
    if rows:
        yield f"| request, p95 above {_AIM_MS:g} ms | key | requests | p50, ms | p95, ms |"
        yield "|---|---|---|---|---|"
        yield from rows


def _rows(reading: Mapping[str, Any], *, key: str) -> Iterator[str]:
    slow = [(name, kind) for name, kind in reading.get("kinds", {}).items() if kind["p95_ms"] > _AIM_MS]
    slow.sort(key=lambda one: -one[1]["p95_ms"])
    for name, kind in slow[:_MOST]:
        yield f"| {name} | {key} | {kind['requests']} | {kind['p50_ms']:.1f} | {kind['p95_ms']:.1f} |"
    if len(slow) > _MOST:
        yield f"| and {len(slow) - _MOST} more | {key} | | | |"
