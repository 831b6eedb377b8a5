from pathlib import Path

import numpy as np

from shared.domain import TumorClass
from training.dataset.slices import Slice, load_index
from training.dataset.splits import at_random, of_source

GLIOMA, HEALTHY = TumorClass.GLIOMA, TumorClass.NOTUMOR


def labelled(label: TumorClass, source: str, number: int) -> Slice:
    return Slice(Path(f"{number}.png"), label, source, f"{source}:{number // 4}", number % 5, None)


SLICES = [
    labelled(label, source, number)
    for number in range(20)
    for label, source in ((GLIOMA, "figshare"), (HEALTHY, "br35h"), (HEALTHY, "sartaj"))
]


def test_a_source_is_left_out_whole() -> None:
    assert [item.source for item in of_source(SLICES, "sartaj")] == ["sartaj"] * 20
    assert of_source(SLICES, "elsewhere") == []


def test_at_random_ignores_patients_but_keeps_the_labels_shares() -> None:
    drawn = at_random(SLICES, seed=3)
    assert len({id(item) for item in drawn}) == len(drawn) == 12
    assert sum(item.label is GLIOMA for item in drawn) == 4
    left = {item.patient for item in SLICES if item not in drawn}
    assert left & {item.patient for item in drawn}


def test_at_random_is_the_same_for_the_same_seed() -> None:
    again = at_random(SLICES, seed=3)
    assert at_random(SLICES, seed=3) == again
    assert at_random(SLICES, seed=4) != again


def test_at_random_tears_patients_of_the_real_data(datasets: Path) -> None:
    slices = load_index(datasets)
    drawn = at_random(slices, seed=0)
    chosen = {item.path for item in drawn}
    known = {item.patient for item in slices if item.path not in chosen}
    torn = [item.patient in known for item in drawn if item.source == "figshare"]
    assert np.mean(torn) > 0.95
