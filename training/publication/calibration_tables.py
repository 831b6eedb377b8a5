"""Markdown tables of a calibration: what was fitted, what was wanted of it, and what decided where both did not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.evaluation.calibrate import CAPPED_SOURCES
from training.publication.tables import markdown_table
from training.publication.wording import name_of, number_in_words, rate_in_words, value_in_words

Document = Mapping[str, Any]
_FITTED = ("temperature", "added to no tumour", "review: confidence below", "review: distance beyond")
_DECIDED = ("offset set by", "confidence set by")


def calibration_table(evaluation: Document) -> str:
    """What was fitted, for the bundle and, where it was cross-validated, for each fold; then what set two of them."""
    found = evaluation["calibration"]
    reached = found.get("where_fitted")
    return markdown_table(
        ("calibration of", *_FITTED, *(_DECIDED if reached else ())),
        (
            (name, *map(number_in_words, each.values()), *(_decided(of) if of else ()))
            for name, each, of in _bundle_and_folds(found, reached or {})
        ),
    )


def wanted_table(evaluation: Document) -> str:
    """What was wanted, what came of it out of fold and where it was fitted, and how often a limit decided."""
    found = evaluation["calibration"]
    reached = found["where_fitted"]
    bound = f"the bound of what is added ({number_in_words(-found['most_offset'])})"
    wanted = (
        ("error_rate_outside_review", found["error_rate_wanted"], "capped", "the cap on the share in review"),
        ("tumour_called_healthy", found["called_healthy_wanted"], "bounded", bound),
    )
    rows = [
        (
            name_of(figure),
            f"{most:.2%}",
            rate_in_words(figure, evaluation["headline"][figure]),
            value_in_words(figure, reached["bundle"][figure]["value"]),
            _how_often(limit, told, reached),
        )
        for figure, most, limit, told in wanted
    ]
    most = f"{found['most_in_review']:.2%}"
    by_source = evaluation["by_source"]
    capped = {f"in review, {source}": by_source[source] for source in CAPPED_SOURCES if source in by_source}
    for name, of_scans in (capped or {"in review": evaluation["headline"]}).items():
        rows.append((name, most, rate_in_words("in_review", of_scans["in_review"]), "–", "–"))
    return markdown_table(
        ("wanted", "at most", "reached, out of fold", "where the bundle's was fitted", "decided by"), rows
    )


def _bundle_and_folds(found: Document, reached: Document) -> Iterator[tuple[str, Document, Document]]:
    yield "bundle", found["bundle"], reached.get("bundle", {})
    for fold, each in found.get("by_fold", {}).items():
        yield f"fold {fold}", each, reached.get("by_fold", {}).get(fold, {})


def _decided(reached: Document) -> tuple[str, str]:
    return (
        "its bound" if reached["bounded"] else "tumours called healthy",
        "the cap" if reached["capped"] else "the error rate",
    )


def _how_often(limit: str, told: str, reached: Document) -> str:
    folds = [fold[limit] for fold in reached["by_fold"].values()]
    if not (reached["bundle"][limit] or any(folds)):
        return "what was wanted"
    bundle = "the bundle and " if reached["bundle"][limit] else ""
    return f"{told}: {bundle}{sum(folds)} of {len(folds)} folds"
