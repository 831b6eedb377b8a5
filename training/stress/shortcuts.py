"""How far one gets without looking at the brain: a plain classifier on size, border, compression and exposure alone.

In this data every outlined tumour comes from one source and nearly every healthy brain from another, so that a network
may score by telling the source. The same classifier is fitted on numbers of the file as it came and on numbers of the
picture that the network sees; the difference is what `worker.inference.preprocess` takes away, the rest is what
is left to cheat with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from shared.domain import CLASSES, HEALTHY, TumorClass
from shared.images import read_image
from training.dataset.slices import Slice
from training.evaluation.rates import Rate, rate
from training.stress.shortcut_features import Features, file_features, prepared_features
from worker.inference.preprocess import prepare

_MAX_PIXELS = 100_000_000
_NOTE = "A plain classifier that sees nothing of the brain, only numbers of the file, or of the picture as prepared."

Columns = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Features of N pictures: each group's columns (N, k) and their names."""

    columns: Mapping[str, Columns]
    names: Mapping[str, Sequence[str]]

    def groups(self) -> Iterator[tuple[str, Columns, Sequence[str]]]:
        """Every group by itself, and all of them together."""
        for group, columns in self.columns.items():
            yield group, columns, self.names[group]
        every = [f"{group}.{name}" for group, names in self.names.items() for name in names]
        yield "all", np.hstack(list(self.columns.values())), every


def shortcuts(
    slices: Sequence[Slice], *, size_px: int, seed: int = 0, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Figures of the classifier on every group of features and on all together, of the file and as prepared.

    Always fitted on all folds but one and asked on that one; `size_px` is the network's input. Needs two folds.
    """
    tables = read_tables(slices, size_px=size_px, report=report)
    figures: dict[str, Any] = {}
    for seen, table in tables.items():
        figures[seen] = {
            group: {"features": names, **baseline(columns, slices, seed=seed)}
            for group, columns, names in table.groups()
        }
        report(f"fitted {seen}")
    return {
        "note": _NOTE,
        "n": len(slices),
        "patients": len({item.patient for item in slices}),
        "classifier": "HistGradientBoostingClassifier, fitted on all folds but one and asked on that one",
        "size_px": size_px,
        "largest_class": _largest_class(slices),
        **figures,
    }


def read_tables(slices: Sequence[Slice], *, size_px: int, report: Callable[[str], None] = print) -> dict[str, Table]:
    """`file`: of the files as they are; `prepared`: of what the network sees of them."""
    of_files: list[Features] = []
    of_prepared: list[Features] = []
    for item in slices:
        data = item.path.read_bytes()
        image = read_image(data, max_pixels=_MAX_PIXELS)
        prepared = prepare(image, size_px=size_px)
        of_files.append(file_features(data, image, frame=prepared.frame))
        of_prepared.append(prepared_features(prepared.pixels))
        if len(of_files) % 500 == 0:
            report(f"read {len(of_files)} of {len(slices)}")
    return {"file": _table(of_files), "prepared": _table(of_prepared)}


def baseline(columns: Columns, slices: Sequence[Slice], *, seed: int) -> dict[str, Any]:
    """Out-of-fold figures of one set of columns (N, k): the four classes, tumour or not, and which source."""
    labels = np.array([CLASSES.index(item.label) for item in slices])
    sources = np.array([item.source for item in slices])
    folds = np.array([item.fold for item in slices])
    shares = out_of_fold(columns, labels, folds, seed=seed)
    said_source = out_of_fold(columns, np.unique(sources, return_inverse=True)[1], folds, seed=seed).argmax(axis=1)
    right = shares.argmax(axis=1) == labels
    tumour, tumour_share = labels != HEALTHY, 1 - shares[:, HEALTHY]
    return {
        "accuracy": rate(right),
        "figshare_tumour_accuracy": rate(right[tumour & (sources == "figshare")]),
        "accuracy_by_source": {source: rate(right[sources == source]) for source in np.unique(sources).tolist()},
        "tumour_or_healthy": {
            "right": rate((tumour_share > 0.5) == tumour),
            "auc": _auc(tumour, tumour_share),
            "auc_by_source": {
                source: _auc(tumour[sources == source], tumour_share[sources == source])
                for source in np.unique(sources).tolist()
            },
        },
        "source_accuracy": rate(np.unique(sources)[said_source] == sources),
    }


def out_of_fold(
    columns: Columns, classes: npt.NDArray[np.int64], folds: npt.NDArray[np.int64], *, seed: int
) -> npt.NDArray[np.float64]:
    """(N, classes) probabilities, each row by a classifier fitted on the other folds."""
    shares = np.zeros((len(columns), int(classes.max()) + 1))
    with threadpool_limits(1):  # OpenMP's threads wait for each other by spinning: minutes where others work too
        for fold in np.unique(folds):
            test = folds == fold
            fitted = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=seed)
            fitted.fit(columns[~test], classes[~test])
            shares[np.ix_(test, fitted.classes_)] = fitted.predict_proba(columns[test])
    return shares


def _table(features: Sequence[Features]) -> Table:
    names = {group: list(values) for group, values in features[0].items()}
    return Table(
        columns={group: np.array([list(each[group].values()) for each in features]) for group in names},
        names=names,
    )


def _largest_class(slices: Sequence[Slice]) -> dict[str, Rate]:
    """What always giving the most frequent answer comes to: where a baseline starts from."""
    tumours = [item for item in slices if item.source == "figshare" and item.label is not TumorClass.NOTUMOR]
    return {
        "accuracy": _most_frequent(item.label for item in slices),
        "figshare_tumour_accuracy": _most_frequent(item.label for item in tumours),
        "tumour_or_healthy": _most_frequent(item.label is TumorClass.NOTUMOR for item in slices),
        "source": _most_frequent(item.source for item in slices),
    }


def _most_frequent(answers: Iterable[object]) -> Rate:
    counted = Counter(answers)
    best = max(counted.values(), default=0)
    return rate(at < best for at in range(counted.total()))


def _auc(positive: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> float | None:
    """Area under the ROC curve; None where all are of one kind."""
    return round(float(roc_auc_score(positive, values)), 4) if 0 < positive.sum() < len(positive) else None
