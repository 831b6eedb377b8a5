"""The model card of a bundle, written from its description and its evaluation, so that they cannot differ.

Its sections are those of Mitchell et al. 2019, "Model cards for model reporting".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.evaluation.report import COMPUTED, EVALUATION_FILE
from training.publication import calibration_tables, tables
from training.publication.plots.all import pictures_of
from training.publication.section_tables import section_tables
from training.publication.wording import name_of, number_in_words
from worker.inference.bundle import DESCRIPTION_FILE

CARD_FILE = "README.md"
PLOTS = "plots"  # the folder beside the card; the API shows what is in it
WEIGHTS = "weights_sha256"  # of an evaluation: whose figures they are

Document = Mapping[str, Any]

_ALT = {
    "training": "Accuracy and cross-entropy over the epochs, by fold",
    "confusion": "Confusion matrix",
    "by-group": "Sensitivity, precision and specificity by class; accuracy by source and fold",
    "roc": "ROC curve of each class against the rest",
    "reliability": "Accuracy over confidence, and the number of scans at each confidence",
    "risk-coverage": "Error rate over the share of scans that are answered",
    "heatmaps": "How often the heatmap's peak lies in the tumour, beside baselines and by size",
}

_DETAILS = """\
# {name}

Tells glioma, meningioma, pituitary tumour and no tumour apart on one slice of a brain MRI, and shows by a heatmap what
speaks for its answer. **For research. It is not a medical device.**

This card is written from [evaluation.json](evaluation.json). Where a section does not say otherwise, its figures are
of: {how} ({interval}).

{headline}

Reproduce with `{command}`.

## Model details

* Version {version}, {parameters:,} parameters, licence {licence}.
* Input: one greyscale picture, cropped to the head, {size_px} x {size_px} (`worker/inference/preprocess.py`).
* Output: four probabilities, softmax(logits / temperature) at temperature {temperature}, once {healthy_offset} is added
  to that of no tumour; reasons for review; a heatmap.
* The heatmap is Grad-CAM (Selvaraju et al. 2017) of the predicted class, in closed form from the same forward pass.
{tried}
## Intended use

* For: research on batches of brain MRI; teaching; building and testing services around such a model.
* Not for: diagnosis, treatment, triage, or any decision about a patient. No clinical study was made.
* Out of scope: what is no brain MRI (most of it is turned away where the bundle holds a gate), other sequences than it
  was trained on, children, and any answer but its four labels.

## Factors

Measured by source (and with it scanner and hospital){factors}. Age and sex of the
patients, scanner settings and planes of the slices are not in the data, so nothing is said by them.

## Metrics

* A patient's slices are never on both sides of a split, and intervals are of patients drawn with replacement.
* *Tumour called healthy* is the headline of safety. *In review* are scans that ask for a person.
{pointing}
## Training and evaluation data

{training_data}

Measured on:

{data}
"""

_LIMITS = """\
## Ethical considerations

{consent} A
heatmap looks convincing also where it is wrong, and so does a high probability: neither replaces a reader.

## Caveats and recommendations

{sources}
* The figures are of the sources named above, and all of them were trained on: unless a section says otherwise, none
  tells how it does on a scanner that it has never seen. Expect it to be worse there.
* The weakest class is {weakest}: see its sensitivity and precision.
* A probability is calibrated for scans like those measured here, for their mix of labels, and for nothing else.
* Review catches some of the wrong answers, not all: see the error rate outside review.
{caveats}"""

_WANTED = """\
The calibration is to leave at most so many wrong answers outside review, and to call at most so many tumours healthy.
Two limits go before both: a cap on the share in review, and a bound of what is added to "no tumour"."""
# Of the shared data set alone: of somebody's own pictures no more is known than their table says.
_SHARED_SOURCES = {"br35h", "figshare"}
_TRIED = "* What was tried on the way: `docs/experiments.md`.\n"
# Where tumours are outlined.
_FACTORS = ", by class, and by the size of the tumour"
_POINTING = """\
* The heatmap's peak is asked whether it lies in the box around, or inside, the outline that a radiologist drew (the
  pointing game, Zhang et al. 2018), beside what needs no network: the centre, any brain pixel, the brightest pixel.
"""
_CONSENT = (
    "Its training data were published without the names of patients; how they agreed to it is told by the publishers."
)
_CONSENT_UNKNOWN = "How the patients agreed to this use of their scans is known to whoever gathered them."
_SCANNERS = """\
* Every outlined tumour comes from one source and nearly every healthy brain from another, so a network can learn the
  scanner instead of the tumour. An earlier network of this kind called many of another hospital's glioblastomas
  healthy. "No tumour" on a scan from elsewhere means little."""
_SCANNERS_UNKNOWN = """\
* Where a label comes from a scanner of its own, a network can learn the scanner instead of the tumour."""


_UNSEEN = """\
To each fold's patients network and calibration are new, as to anybody's. Its interval, and the value of the other
folds; bold where the interval falls short of it."""


def write_card(folder: Path) -> None:
    """Write README.md into a bundle's folder, from bundle.json and evaluation.json there."""
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    evaluation = json.loads((folder / EVALUATION_FILE).read_text())
    (folder / CARD_FILE).write_text(card(description, evaluation, pictures=PLOTS))


def card(description: Document, evaluation: Document, *, pictures: str) -> str:
    """The card's text. `pictures`: the folder of the plots as seen from the card's."""
    measured = evaluation["measured"]
    shared = measured["scans"].keys() >= _SHARED_SOURCES
    outlined = evaluation["heatmaps"]["by_size"]
    top = _DETAILS.format(
        name=description["name"],
        how=measured["how"],
        interval=measured["interval"],
        headline=tables.headline_table(evaluation),
        command=measured["command"],
        version=description["version"],
        parameters=description["parameters"],
        licence=description["licence"],
        size_px=description["input"]["size_px"],
        temperature=number_in_words(evaluation["calibration"]["bundle"]["temperature"]),
        healthy_offset=number_in_words(evaluation["calibration"]["bundle"]["healthy_offset"]),
        tried=_TRIED if shared else "",
        factors=_FACTORS if outlined else " and by class",
        pointing=_POINTING if outlined else "",
        training_data=_training_data(description),
        data=tables.data_table(evaluation),
    )
    shown = pictures_of(evaluation)
    sensitivity = {label: rate["value"] for label, rate in evaluation["by_class"]["sensitivity"].items() if rate["n"]}
    limits = _LIMITS.format(
        consent=_CONSENT if shared else _CONSENT_UNKNOWN,
        sources=_SCANNERS if shared else _SCANNERS_UNKNOWN,
        weakest=name_of(min(sensitivity, key=sensitivity.__getitem__)),
        caveats="".join(f"* {caveat}\n" for caveat in description.get("caveats", ())),
    )
    return "\n".join(
        [top, *_analyses(evaluation, lambda name: _picture(name, pictures) if name in shown else ""), limits]
    )


def _analyses(evaluation: Document, picture: Any) -> Iterable[str]:
    yield _section("## Quantitative analyses", "### By class", tables.class_table(evaluation), picture("confusion"))
    yield _section(tables.confusion_table(evaluation), picture("roc"))
    yield _section("### By source and fold", tables.group_table(evaluation, by="by_source"))
    yield _section(tables.group_table(evaluation, by="by_fold"), picture("by-group"), picture("training"))
    if evaluation.get("unseen_patients"):
        yield _section("### Patients never seen", _UNSEEN, tables.unseen_table(evaluation))
    fitted = f"Calibration: {evaluation['calibration']['how']}."
    calibrated = calibration_tables.calibration_table(evaluation)
    yield _section("### Calibration and review", fitted, calibrated, picture("reliability"))
    if "where_fitted" in evaluation["calibration"]:
        yield _section(_WANTED, calibration_tables.wanted_table(evaluation))
    yield _section(tables.review_table(evaluation), picture("risk-coverage"))
    if evaluation["heatmaps"]["by_size"]:
        yield _section("### Heatmaps", f"Of {evaluation['heatmaps']['of']}.", tables.heatmap_table(evaluation))
        yield _section("By the size of the tumour:", tables.size_table(evaluation), picture("heatmaps"))
        yield _section(tables.size_baseline_table(evaluation))
    if doubted := evaluation["doubted_labels"]:
        yield _section("### Doubted labels", doubted["note"], section_tables(doubted))
    for name, section in evaluation.items():
        if name not in {*COMPUTED, WEIGHTS}:
            yield _section(f"### {name_of(name).capitalize()}", section.get("note", ""), section_tables(section))


def _picture(name: str, pictures: str) -> str:
    return f"![{_ALT[name]}]({pictures}/{name}.png)"


def _section(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _training_data(description: Document) -> str:
    """Bundles of before say all of it in one sentence."""
    training_data, trained_on = str(description["training_data"]), description.get("trained_on")
    return f"{training_data}. This bundle saw: {trained_on}." if trained_on else training_data
