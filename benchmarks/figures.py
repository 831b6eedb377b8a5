"""A measured figure: the median of its repetitions with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """`median`, `low` and `high` (the smallest and largest of all repetitions) in `unit`."""

    median: float
    low: float
    high: float
    unit: str
    repetitions: int

    def as_json(self) -> dict[str, float | str | int]:
        """The figure as a JSON object, rounded to four digits."""
        return {
            name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in asdict(self).items()
        }


def figure(values: Sequence[float], unit: str) -> Figure:
    """Of repeated measurements of one thing, at least one."""
    return Figure(statistics.median(values), min(values), max(values), unit, len(values))


def ratio(over: Sequence[float], under: Sequence[float]) -> Figure:
    """Of two things measured in turn: each repetition of one over the same repetition of the other."""
    return figure([float(a / b) for a, b in zip(over, under, strict=True)], "times")
