"""The gate is shown heads without their skulls beside those with, where skull and brain part."""

from pathlib import Path

import cv2
import numpy as np

from shared.domain import TumorClass
from training.appearances import Appearances, appearances, is_ct
from training.dataset.slices import Slice
from worker.inference.gate import Appearance

SIDE = 200
SCALP, SKULL, BRAIN = (95, 230), (85, 5), (72, 100)  # radius, grey
PARTS = [(20, 140), (8, 60)]


def head_of(path: Path, *discs: tuple[int, int]) -> Slice:
    """A picture of such discs, one upon the other, and then of what is in a brain."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for radius, grey in (*discs, *PARTS):
        cv2.circle(picture, (SIDE // 2, SIDE // 2), radius, grey, cv2.FILLED)
    cv2.imwrite(str(path), picture)
    return Slice(path=path, label=TumorClass.NOTUMOR, source="drawn", patient="1", fold=0, outline=None)


def looks_of(path: Path, *discs: tuple[int, int]) -> Appearances:
    """How that looks."""
    return appearances([head_of(path, *discs)], seed=0)


def apart(one: Appearance, other: Appearance) -> float:
    """As they are prepared, which undoes the framing: the first half of their shapes."""
    half = len(one.shape) // 2
    return float(np.abs(one.shape - other.shape)[:half].mean())


def test_a_head_is_shown_mirrored_framed_anew_and_without_its_skull(tmp_path: Path) -> None:
    whole = looks_of(tmp_path / "head.png", SCALP, SKULL, BRAIN)
    brain = looks_of(tmp_path / "brain.png", BRAIN)
    mirrored, reframed, stripped = whole.variants[0]
    alone, head = brain.as_they_are[0], whole.as_they_are[0]
    assert apart(stripped, alone) < 0.5 * min(apart(each, alone) for each in (head, mirrored, reframed))


def test_what_has_no_skull_is_shown_as_it_is(tmp_path: Path) -> None:
    assert len(looks_of(tmp_path / "brain.png", BRAIN).variants[0]) == 2


def test_bone_that_is_white_makes_a_head_a_ct(tmp_path: Path) -> None:
    assert is_ct(head_of(tmp_path / "ct.png", (95, 250), BRAIN), size_px=144)
    assert not is_ct(head_of(tmp_path / "mri.png", SCALP, SKULL, BRAIN), size_px=144)
