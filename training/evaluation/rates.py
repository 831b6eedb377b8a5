"""A share beside the number it was counted over, the way every figure is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict


class Rate(TypedDict):
    """`value` in [0, 1], four digits; None where `n` is 0."""

    value: float | None
    n: int


def rate(hits: Iterable[bool]) -> Rate:
    """The share of true ones."""
    values = list(hits)
    return {"value": round(sum(values) / len(values), 4) if values else None, "n": len(values)}
