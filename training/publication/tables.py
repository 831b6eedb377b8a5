"""Markdown tables of an evaluation, for card and documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.publication.wording import (
    interval_in_words,
    name_of,
    rate_in_words,
    value_in_words,
)

Document = Mapping[str, Any]


def headline_table(evaluation: Document) -> str:
    """What is said first."""
    return rates_table(evaluation["headline"])


def rates_table(rates: Mapping[str, Document]) -> str:
    """One rate a row: value, interval and n; none for a rate of no scans."""
    return markdown_table(
        ("figure", "value", "95% interval", "n"),
        (
            (
                name_of(name),
                value_in_words(name, rate["value"]),
                interval_in_words(name, rate["interval"]),
                f"{rate['n']:,}",
            )
            for name, rate in rates.items()
            if rate["n"]
        ),
    )


def data_table(evaluation: Document) -> str:
    """Scans and patients of each source."""
    scans, patients = evaluation["measured"]["scans"], evaluation["measured"]["patients"]
    return markdown_table(
        ("source", "scans", "patients, or clusters of alike pictures where none is known"),
        ((source, f"{count:,}", f"{patients[source]:,}") for source, count in scans.items()),
    )


def review_table(evaluation: Document) -> str:
    """Who is in review, why, and what it saves; with the area under risk over coverage."""
    review, risk = evaluation["review"], evaluation["risk_coverage"]
    rates = {f"in review for {name_of(reason)}": rate for reason, rate in review["share_by_reason"].items()}
    rates |= {name: review[name] for name in ("errors_caught", "error_rate_inside", "error_rate_outside")}
    return rates_table(rates | {name: risk[name] for name in ("accuracy_at_90_coverage", "area_under_curve")})


def class_table(evaluation: Document) -> str:
    """Sensitivity, specificity, precision and ROC by class."""
    measures = evaluation["by_class"]
    labels = list(evaluation["confusion"])
    return markdown_table(
        ("class", *map(name_of, measures)),
        (
            (name_of(label), *(rate_in_words(measure, rates[label]) for measure, rates in measures.items()))
            for label in labels
        ),
    )


def confusion_table(evaluation: Document) -> str:
    """True labels down, predicted across."""
    confusion = evaluation["confusion"]
    return markdown_table(
        ("true, called", *map(name_of, confusion)),
        ((name_of(true), *(f"{count:,}" for count in row.values())) for true, row in confusion.items()),
    )


def group_table(evaluation: Document, *, by: str) -> str:
    """`by_source` or `by_fold`: what was measured in each."""
    groups = evaluation[by]
    figures = [figure for figure in next(iter(groups.values())) if any(group[figure]["n"] for group in groups.values())]
    return markdown_table(
        (by.removeprefix("by_"), "scans", *map(name_of, figures)),
        (
            (name, f"{group['accuracy']['n']:,}", *(rate_in_words(figure, group[figure]) for figure in figures))
            for name, group in groups.items()
        ),
    )


def unseen_table(evaluation: Document) -> str:
    """Each fold's interval beside the value of the other folds; bold where it falls short."""
    figures = evaluation["unseen_patients"]
    folds = list(evaluation["by_fold"])
    return markdown_table(
        ("figure", *(f"fold {fold}, the others" for fold in folds), "reached in"),
        (
            (
                name_of(figure),
                *(_beside_the_others(figure, found[fold]) if fold in found else "–" for fold in folds),
                f"{sum(each['reaches'] for each in found.values())} of {len(found)}",
            )
            for figure, found in figures.items()
        ),
    )


def _beside_the_others(figure: str, rate: Document) -> str:
    told = f"{interval_in_words(figure, rate['interval'])}, {value_in_words(figure, rate['of_the_others'])}"
    return told if rate["reaches"] else f"**{told}**"


def heatmap_table(evaluation: Document) -> str:
    """The network's heatmaps beside what needs no network."""
    found = evaluation["heatmaps"]
    network = found["network"]
    rows = [
        ("network: peak", network["peak_in_box"], network["peak_in_outline"], network["iou"]),
        *(
            (name_of(name), *(rates[figure] for figure in ("in_box", "in_outline", "iou")))
            for name, rates in found["baselines"].items()
        ),
    ]
    table = [(name, *map(rate_in_words, ("", "", "iou"), rates)) for name, *rates in rows]
    energy = [rate_in_words("", network[f"energy_{place}"]) for place in ("in_box", "in_outline")]
    times = [_times(found["energy_over_brain_uniform"][place]) for place in ("in_box", "in_outline")]
    table += [("network: energy", *energy, ""), ("network: energy, times brain-uniform", *times, "")]
    return markdown_table(("heatmap", "in the box", "in the outline", "IoU with the outline"), table)


def size_table(evaluation: Document) -> str:
    """The heatmaps by the size of the tumour."""
    sizes = evaluation["heatmaps"]["by_size"]
    figures = ("accuracy", "peak_in_box", "peak_in_outline", "iou")
    return markdown_table(
        ("tumours", "of the picture", "scans", *map(name_of, figures)),
        (
            (
                name,
                "{:.2%}–{:.2%}".format(*size["share_of_picture"]),
                f"{size['accuracy']['n']:,}",
                *(rate_in_words(figure, size[figure]) for figure in figures),
            )
            for name, size in sizes.items()
        ),
    )


def size_baseline_table(evaluation: Document) -> str:
    """What needs no network, by the size of the tumour."""
    places = (("in_box", "", "in the box"), ("in_outline", "", "in the outline"), ("iou", "iou", "IoU"))
    return markdown_table(
        ("tumours", "without a network", *(said for _, _, said in places)),
        (
            (name, name_of(baseline), *(rate_in_words(figure, rates[place]) for place, figure, _ in places))
            for name, size in evaluation["heatmaps"]["by_size"].items()
            for baseline, rates in size["baselines"].items()
        ),
    )


def _times(rate: Document) -> str:
    if rate["value"] is None:
        return "–"
    low, high = rate["interval"]
    return f"{rate['value']:.1f} ({low:.1f}–{high:.1f})"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
