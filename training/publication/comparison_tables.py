"""Markdown tables of a comparison, for documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.publication.tables import markdown_table
from training.publication.wording import LOWER_IS_BETTER, difference_in_words, name_of, number_in_words, rate_in_words

Document = Mapping[str, Any]
_SURE = 0.05  # p-values under it are called no accident


def comparison_table(comparison: Document) -> str:
    """A row for each figure and cost, a column for each network.

    Bold: better than another with p < 0.05, and itself beaten by none.
    """
    rows = [
        (name_of(figure), *_with_best_bold(figure, rates, comparison))
        for figure, rates in comparison["figures"].items()
    ]
    costs = {name: dict(_costs(cost)) for name, cost in comparison["costs"].items()}
    for cost in dict.fromkeys(name for each in costs.values() for name in each):
        rows.append((cost, *(costs.get(name, {}).get(cost, "–") for name in comparison["models"])))
    return markdown_table(("figure", *comparison["models"]), rows)


def difference_table(comparison: Document) -> str:
    """Every pair's differences with interval and p-value."""
    pairs = comparison["differences"]
    return markdown_table(
        ("difference", *(f"{pair['of']} less {pair['less']}" for pair in pairs)),
        (
            (name_of(figure), *(difference_in_words(figure, pair["figures"][figure]) for pair in pairs))
            for figure in comparison["figures"]
        ),
    )


def _with_best_bold(figure: str, rates: Mapping[str, Document], comparison: Document) -> Iterator[str]:
    winners, beaten = set(), set()
    for pair in comparison["differences"]:
        difference = pair["figures"][figure]
        if (difference["p"] or 1) < _SURE:
            better, worse = pair["of"], pair["less"]
            if (difference["value"] > 0) == (figure in LOWER_IS_BETTER):
                better, worse = worse, better
            winners.add(better)
            beaten.add(worse)
    for name, rate in rates.items():
        words = rate_in_words(figure, rate)
        yield f"**{words}**" if name in winners - beaten else words


def _costs(cost: Document) -> Iterator[tuple[str, str]]:
    """Of one network as `training.costs.measure` measured it: name and value in words."""
    for name in ("input_px", "parameters", "macs", "size_bytes", "training_minutes"):
        yield name_of(name), number_in_words(cost[name])
    for threads, measured in cost["threads"].items():
        on = f"on {threads} thread" + "s" * (threads != "1")
        for name in ("latency_ms", "scans_per_s"):
            yield f"{name_of(name)}, {on}", _spread(measured[name])
        yield f"{name_of('peak_memory_mb')}, {on}", number_in_words(measured["peak_memory_mb"])


def _spread(times: Document) -> str:
    """The median and, in brackets, the quartiles over rounds."""
    return f"{times['median']:.3g} ({times['low']:.3g}–{times['high']:.3g})"
