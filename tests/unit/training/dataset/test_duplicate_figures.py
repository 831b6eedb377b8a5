"""What is counted of near-duplicates: shares of figshare scans, mistakes, clusters, and what the folds part."""

from pathlib import Path

from shared.domain import TumorClass
from training.dataset.duplicate_figures import duplicate_figures
from training.dataset.duplicates import Pair
from training.dataset.slices import Slice


def _slice(patient: str, *, label: TumorClass = TumorClass.GLIOMA, source: str = "figshare", fold: int = 0) -> Slice:
    return Slice(Path("a.png"), label, source, f"{source}:{patient}", fold, outline=None)


SLICES = [
    _slice("anna"),
    _slice("anna"),
    _slice("bert", fold=1),
    _slice("c", label=TumorClass.NOTUMOR, source="br35h"),
    _slice("d", label=TumorClass.NOTUMOR, source="br35h", fold=2),
]
PAIRS = [
    Pair(0, 1, mirrored=False, likeness=0.95),
    Pair(3, 4, mirrored=True, likeness=0.84),
    Pair(1, 2, mirrored=False, likeness=0.78),
    Pair(2, 3, mirrored=False, likeness=0.76),
]


def test_a_lower_threshold_finds_more_and_mistakes_more() -> None:
    found = duplicate_figures(PAIRS, SLICES)["thresholds"]
    assert found["0.75"] == {
        "figshare_scans_like_one_of_their_own_patient": {"value": 0.6667, "n": 3},
        "like_one_of_another_patient": {"value": 0.6667, "n": 3},
        "pairs_with_two_labels": 1,
        "clusters": 1,
        "largest_cluster": 5,
    }
    assert found["0.83"] == {
        "figshare_scans_like_one_of_their_own_patient": {"value": 0.6667, "n": 3},
        "like_one_of_another_patient": {"value": 0.0, "n": 3},
        "pairs_with_two_labels": 0,
        "clusters": 3,
        "largest_cluster": 2,
    }


def test_what_the_folds_part_is_counted_at_the_threshold_in_use() -> None:
    assert duplicate_figures(PAIRS, SLICES)["parted_by_the_folds"] == {
        "healthy_scans": {"value": 1.0, "n": 2},
        "tumours": {"value": 0.0, "n": 3},
    }
