"""What was aimed at beside what was reached, in one table, whichever file a figure was measured into."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.evaluation.rates import rate
from training.publication.tables import markdown_table
from training.publication.wording import (
    difference_in_words,
    name_of,
    number_in_words,
    rate_in_words,
    value_in_words,
)

_COMPARISON = Path("models") / "comparison.json"
_BENCH = Path("benchmarks") / "recorded.json"
_ELSEWHERE = Path("training") / "results" / "elsewhere.json"
_GATE = Path("training") / "results" / "gate.json"
_USUAL_SPLIT = Path("training") / "results" / "usual_split.json"
_RIVAL = "mobilenetv2-1"
_CONFIDENCE = 0.95  # of an interval; so many of them are to reach
_SURE = 0.05  # p-values under it are called no accident
_VGG19, _GOOGLENET = 0.948, 0.971  # of the three figshare tumours by patient, as published

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Aim:
    """One row: `wanted` and `reached` in words; `met` is None where nothing was measured."""

    what: str
    wanted: str
    reached: str
    n: str
    met: bool | None


def aims_table(evaluation: Document, root: Path) -> str:
    """Every aim of the model whose evaluation this is; the other files are read from the repository at `root`."""
    model = evaluation["model"]
    elsewhere, usual_split, gate, comparison, bench = (
        json.loads((root / path).read_text()) for path in (_ELSEWHERE, _USUAL_SPLIT, _GATE, _COMPARISON, _BENCH)
    )
    aims = (
        *_of_labels(evaluation),
        *_of_heatmaps(evaluation["heatmaps"]),
        *_of_confidence(evaluation),
        _of_unseen_patients(evaluation.get("unseen_patients", {})),
        *_of_strangers(elsewhere["served"].get(model, {}), evaluation.get("unseen_sources", {})),
        _of_the_usual_split(usual_split["asked"].get(model, {})),
        *_of_the_gate(gate["from_elsewhere"]),
        *_beside_the_rival(comparison, bench, model=model),
    )
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    return markdown_table(
        ("aim", "at least or at most", "reached", "n", "met or missed"),
        ((aim.what, aim.wanted, aim.reached, aim.n, verdicts[aim.met]) for aim in aims),
    )


def _of_labels(evaluation: Document) -> Iterator[Aim]:
    headline, doubted = evaluation["headline"], evaluation["doubted_labels"].get("without_them", {})
    figshare = headline["figshare_tumour_accuracy"]
    yield _at_least(0.965, headline["accuracy"], name_of("accuracy"))
    yield _at_least(0.95, figshare, name_of("figshare_tumour_accuracy"))
    yield _at_least(_VGG19, figshare, "the same, beside VGG19 fine-tuned (Swati et al. 2019)")
    yield _at_least(_GOOGLENET, figshare, "the same, beside GoogLeNet features (Deepak & Ameer 2019)")
    yield _at_least(0.88, evaluation["by_class"]["sensitivity"]["meningioma"], name_of("sensitivity_meningioma"))
    yield _at_most(0.005, headline["tumour_called_healthy"], name_of("tumour_called_healthy"))
    yield _at_most(0.01, headline["healthy_called_tumour"], name_of("healthy_called_tumour"))
    yield _at_most(0.01, doubted.get("healthy_called_tumour"), "the same, without the doubted labels")


def _of_heatmaps(heatmaps: Document) -> Iterator[Aim]:
    yield _at_least(0.9, heatmaps["network"]["peak_in_box"], name_of("peak_in_box"))
    yield _at_least(0.8, heatmaps["network"]["peak_in_outline"], name_of("peak_in_outline"))
    over = heatmaps["energy_over_brain_uniform"]["in_box"]
    yield _times(3, over["value"], name_of("energy_over_uniform"), spread=over["interval"], n=over["n"])


def _of_confidence(evaluation: Document) -> Iterator[Aim]:
    headline, error = evaluation["headline"], "expected_calibration_error"
    yield _at_most(0.02, headline[error], name_of(error), figure=error)
    yield _at_least(0.985, headline["accuracy_at_90_coverage"], name_of("accuracy_at_90_coverage"))
    for source in ("figshare", "br35h"):
        yield _at_most(0.1, evaluation["by_source"][source]["in_review"], f"in review, {source}")


def _of_unseen_patients(figures: Document) -> Aim:
    reached = [each["reaches"] for folds in figures.values() for each in folds.values()]
    what = "patients never seen: a fold's intervals that reach the other folds' figures"
    return _at_least(_CONFIDENCE, rate(reached) if reached else None, what)


def _of_strangers(served: Document, unseen: Document) -> Iterator[Aim]:
    """The gliomas stand for another hospital's heads: with the gate before the network, in shares of all."""
    where, sartaj = "other hospitals' gliomas without skull", unseen.get("sartaj, never seen", {})
    yield _at_least(0.6, served.get("right"), f"{where}: called glioma")
    yield _at_least(0.85, served.get("right_or_in_review"), f"{where}: glioma or in review")
    unnoticed = served.get("tumour_called_healthy_without_review")
    yield _at_most(0.05, unnoticed, f"{where}: called healthy and not in review")
    yield _at_least(0.65, sartaj.get("accuracy"), "sartaj never seen: right")
    yield _at_least(0.8, sartaj.get("right_or_in_review"), "sartaj never seen: right or in review")


def _of_the_usual_split(asked: Document) -> Aim:
    return _at_least(0.97, asked.get("accuracy"), "the usual Kaggle test split, most of it seen in training")


def _of_the_gate(from_elsewhere: Document) -> Iterator[Aim]:
    for kind, told in from_elsewhere.items():
        yield _at_least(0.99, told["rejected"], f"turned away by the gate: {kind}")


def _beside_the_rival(comparison: Document, bench: Document, *, model: str) -> Iterator[Aim]:
    pair = next(pair for pair in comparison["differences"] if (pair["of"], pair["less"]) == (model, _RIVAL))
    for figure in ("macro_precision", "macro_recall"):
        found = pair["figures"][figure]
        lower = found["value"] < 0 and found["p"] < _SURE
        told = difference_in_words(figure, found)
        yield Aim(f"{name_of(figure)}, less MobileNetV2's", f"not lower with p < {_SURE}", told, "", not lower)
    ours, theirs = comparison["costs"][model], comparison["costs"][_RIVAL]
    parameters = ours["parameters"] / theirs["parameters"]
    yield Aim("parameters, times MobileNetV2's", "at most 0.5", f"{parameters:.2f}", "", parameters <= 0.5)
    served = bench["figures"]["cnn_over_mobilenetv2"]
    what = "throughput, times MobileNetV2's"
    as_served = f"{what}: as workers multiply, on 1 thread ({bench['machine']['processor']})"
    yield _times(2, served["median"], as_served, spread=(served["low"], served["high"]))
    for threads in sorted(ours["threads"], reverse=True):
        speeds = (each["threads"][threads]["scans_per_s"]["median"] for each in (ours, theirs))
        on = f"in float32, on {threads} thread" + "s" * (threads != "1")
        yield _times(2, next(speeds) / next(speeds), f"{what}: {on}")


def _at_least(least: float, rate: Document | None, what: str) -> Aim:
    return _share(f"at least {least:.1%}", rate, what, met=rate is not None and rate["value"] >= least)


def _at_most(most: float, rate: Document | None, what: str, *, figure: str = "") -> Aim:
    wanted = f"at most {value_in_words(figure, most)}"
    return _share(wanted, rate, what, met=rate is not None and rate["value"] <= most, figure=figure)


def _share(wanted: str, rate: Document | None, what: str, *, met: bool, figure: str = "") -> Aim:
    if rate is None:
        return Aim(what, wanted, "–", "", None)
    return Aim(what, wanted, rate_in_words(figure, {"interval": None, **rate}), f"{rate['n']:,}", met)


def _times(least: int, value: float, what: str, *, spread: Any = None, n: int | None = None) -> Aim:
    told = f"{value:.2f}" + (f" ({spread[0]:.2f}–{spread[1]:.2f})" if spread else "")
    return Aim(what, f"at least {least}", told, "" if n is None else number_in_words(n), value >= least)
