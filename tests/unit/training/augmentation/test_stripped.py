"""The brain alone is left of a head, with its tumour, and only where brain and skull part."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from training.augmentation.example import IN_HEAD, Example
from training.augmentation.stripped import Stripped, brain_of
from training.dataset.slices import load_index, read_picture
from worker.inference.preprocess import prepare

GLIOMA, MENINGIOMA = 0, 1
SIDE = 160
MIDDLE = (80, 80)
SCALP, SKULL, BRAIN = 76, 68, 58  # radii


def head(label: int = GLIOMA, *, tumour_at: tuple[int, int] = (90, 70)) -> Example:
    """A bright scalp, a dark skull, a brain and a tumour in it."""
    pixels, outline = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    for radius, grey in ((SCALP, 230), (SKULL, 5), (BRAIN, 100)):
        cv2.circle(pixels, MIDDLE, radius, grey, cv2.FILLED)
    for picture, grey in ((pixels, 160), (outline, 255)):
        cv2.circle(picture, tumour_at, 10, grey, cv2.FILLED)
    return Example(pixels, outline, label)


def strip(example: Example) -> Example:
    return Stripped(share=1.0).strip(example, rng=np.random.default_rng(0))


def test_scalp_and_skull_go_and_the_brain_fills_the_picture() -> None:
    stripped = strip(head())
    assert (stripped.label, stripped.changed) == (GLIOMA, True)
    lit = np.count_nonzero(stripped.pixels >= IN_HEAD) / SIDE**2
    assert 0.6 < lit < 0.75, "a disc, with a little margin, fills 69% of its square"
    of_the_brain = stripped.pixels[(stripped.pixels >= IN_HEAD) & (stripped.outline == 0)]
    assert abs(float(np.median(of_the_brain)) - 255 * 100 / 160) < 5, "the brightest left is as bright as can be"


def test_the_outline_moves_along() -> None:
    stripped = strip(head())
    assert (stripped.pixels[stripped.outline > 250] > 240).all()
    assert np.count_nonzero(stripped.outline) > np.count_nonzero(head().outline)


def test_a_tumour_that_reaches_the_scalp_is_kept() -> None:
    at_the_skull = head(MENINGIOMA, tumour_at=(80, 16))
    stripped = strip(at_the_skull)
    assert (stripped.pixels[stripped.outline > 250] > 0).all()
    enlarged = np.count_nonzero(stripped.outline > 127) / np.count_nonzero(at_the_skull.outline)
    assert enlarged > 1, "all of it, at the scale of the rest"


def test_what_has_no_brain_that_parts_stays_as_it_is() -> None:
    solid = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(solid, MIDDLE, SCALP, 120, cv2.FILLED)
    for pixels in (solid, np.zeros_like(solid)):
        example = replace(head(), pixels=pixels)
        assert strip(example) is example


def test_none_are_stripped_where_the_share_is_zero() -> None:
    example, rng = head(), np.random.default_rng(0)
    assert Stripped(share=0.0).strip(example, rng=rng) is example
    assert rng.random() == np.random.default_rng(0).random(), "nothing is drawn, so older recipes draw what they drew"


def test_most_real_heads_part_whatever_their_source(datasets: Path) -> None:
    slices = load_index(datasets)
    for source in sorted({item.source for item in slices}):
        some = [item for item in slices if item.source == source][::20]
        pictures = [(prepare(read_picture(item.path), size_px=200).pixels * 255).astype(np.uint8) for item in some]
        brains = [brain_of(picture) for picture in pictures]
        assert np.mean([brain is not None for brain in brains]) > 0.6, source
