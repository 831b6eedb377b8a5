"""What a user would have been told of every scan of a table: its scores after calibration, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.evaluation.calibrate import Calibration
from training.evaluation.scores import HeatmapScore, ScanScore, labels_of, logits_of
from worker.inference.predict import probabilities_of

Real = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """N scans: `labels` and `predicted` are places in `TumorClass`, `probabilities` is (N, 4), all else (N,).

    `heatmap`: each measure of `HeatmapScore` as (N,), NaN where no outline was drawn.
    """

    files: tuple[str, ...]
    sources: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    folds: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    probabilities: Real
    low_confidence: Flags
    unlike_training_data: Flags
    heatmap: Mapping[str, Real]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The label of the highest probability."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def confidence(self) -> Real:
        """The highest probability."""
        return np.asarray(self.probabilities.max(axis=1), np.float64)

    @property
    def right(self) -> Flags:
        """Whether the label is the true one."""
        return np.asarray(self.predicted == self.labels, bool)

    @property
    def needs_review(self) -> Flags:
        """Whether a person is asked, for whatever reason."""
        return self.low_confidence | self.unlike_training_data

    @property
    def tumours(self) -> Flags:
        """Scans whose true label is a tumour."""
        return np.asarray(self.labels != HEALTHY, bool)

    @property
    def figshare_tumours(self) -> Flags:
        """Tumours of the source that published figures are about."""
        return np.asarray(self.tumours & (self.sources == "figshare"), bool)

    @property
    def outlined(self) -> Flags:
        """Tumours whose heatmap was scored; of the shared data all are figshare's."""
        return self.tumours & ~np.isnan(self.heatmap["area"])

    def among(self, inside: Flags) -> Outcomes:
        """The scans that (N,) `inside` says, alone."""
        return Outcomes(
            files=tuple(file for file, kept in zip(self.files, inside, strict=True) if kept),
            sources=self.sources[inside],
            patients=self.patients[inside],
            folds=self.folds[inside],
            labels=self.labels[inside],
            probabilities=self.probabilities[inside],
            low_confidence=self.low_confidence[inside],
            unlike_training_data=self.unlike_training_data[inside],
            heatmap={name: values[inside] for name, values in self.heatmap.items()},
        )


def outcomes_of(scores: Sequence[ScanScore], calibrations: Mapping[int, Calibration]) -> Outcomes:
    """Apply to each scan the calibration of its fold."""
    temperatures = np.array([calibrations[score.fold].temperature for score in scores])
    below = np.array([calibrations[score.fold].review_below for score in scores])
    beyond = np.array([calibrations[score.fold].review_beyond for score in scores])
    offsets = np.array([calibrations[score.fold].healthy_offset for score in scores])
    probabilities = probabilities_of(logits_of(scores), temperature=temperatures, healthy_offset=offsets)
    names = [field.name for field in fields(HeatmapScore)]
    unknown = [np.nan] * len(names)
    heatmaps = np.array(
        [unknown if score.heatmap is None else [getattr(score.heatmap, name) for name in names] for score in scores],
        np.float64,
    ).reshape(-1, len(names))
    return Outcomes(
        files=tuple(score.file for score in scores),
        sources=np.array([score.source for score in scores], np.str_),
        patients=np.array([score.patient for score in scores], np.str_),
        folds=np.array([score.fold for score in scores], np.int64),
        labels=labels_of(scores),
        probabilities=probabilities,
        low_confidence=probabilities.max(axis=1) < below,
        unlike_training_data=np.array([score.distance for score in scores]) > beyond,
        heatmap=dict(zip(names, heatmaps.T, strict=True)),
    )
