"""Markdown tables of a comparison, for documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.publication.tables import markdown_table
from training.publication.wording import LOWER_IS_BETTER, difference_in_words, name_of, number_in_words, rate_in_words

Document = Mapping[str, Any]
Cost = tuple[float | None, str]  # the number, and what is told
_SURE = 0.05  # p-values under it are called no accident


def comparison_table(comparison: Document) -> str:
    """A row for each figure and cost, a column for each network.

    Bold: better than another with p < 0.05, and itself beaten by none; of costs the least, and the most scans/s.
    """
    rows = [
        (name_of(figure), *_with_best_bold(figure, rates, comparison))
        for figure, rates in comparison["figures"].items()
    ]
    costs = {name: _costs(name, comparison["costs"]) for name in comparison["costs"]}
    for cost in dict.fromkeys(name for each in costs.values() for name in each):
        told = _with_least_bold(cost, {name: each[cost] for name, each in costs.items() if cost in each})
        rows.append((cost, *(told.get(name, "–") for name in comparison["models"])))
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


def _costs(network: str, costs: Mapping[str, Document]) -> dict[str, Cost]:
    """Of one network as `training.costs.measure` measured it: each by its name."""
    cost = costs[network]
    found = {
        name_of(name): (cost[name], number_in_words(cost[name]))
        for name in ("input_px", "parameters", "macs", "size_bytes", "training_minutes")
    }
    if any(each.get("teacher") for each in costs.values()):
        minutes = _minutes_with_teachers(network, costs)
        found[name_of("training_minutes_with_teacher")] = (minutes, number_in_words(minutes))
    for threads, measured in cost["threads"].items():
        on = f"on {threads} thread" + "s" * (threads != "1")
        for name in ("latency_ms", "scans_per_s"):
            found[f"{name_of(name)}, {on}"] = (measured[name]["median"], _spread(measured[name]))
        memory = measured["peak_memory_mb"]
        found[f"{name_of('peak_memory_mb')}, {on}"] = (memory, number_in_words(memory))
    return found


def _minutes_with_teachers(network: str, costs: Mapping[str, Document]) -> float | None:
    """None where a teacher's minutes are not there: its bundle is named by its run and a number."""
    minutes = [costs[network]["training_minutes"]]
    for teacher in filter(None, (costs[network].get("teacher") or "").split("+")):
        found = next((name for name in costs if name.rpartition("-")[0] == teacher), None)
        minutes.append(None if found is None else _minutes_with_teachers(found, costs))
    return None if None in minutes else round(sum(minutes), 1)


def _with_least_bold(cost: str, found: Mapping[str, Cost]) -> dict[str, str]:
    values = [value for value, _ in found.values() if value is not None]
    best = max if cost.startswith(name_of("scans_per_s")) else min
    marked = {best(values)} if len(values) > 1 and cost != name_of("input_px") else set()
    return {name: f"**{words}**" if value in marked else words for name, (value, words) in found.items()}


def _spread(times: Document) -> str:
    """The median and, in brackets, the quartiles over rounds."""
    return f"{times['median']:.3g} ({times['low']:.3g}–{times['high']:.3g})"
