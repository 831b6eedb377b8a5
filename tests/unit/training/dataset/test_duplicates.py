"""The same slice is known again whatever was done to it on its way; another person's is not."""

import pytest

from tests.unit.training.brains import VARIANTS, draw_brain
from training.dataset.alignment import likeness, make_thumbnail
from training.dataset.duplicates import LEAST_LIKENESS, find_duplicates

PEOPLE = 8


@pytest.mark.parametrize("name", VARIANTS)
def test_a_changed_copy_is_found_and_nobody_else(name: str) -> None:
    brains = [draw_brain(seed) for seed in range(PEOPLE)]
    pictures = [*brains, *(VARIANTS[name](brain) for brain in brains)]
    found = find_duplicates([make_thumbnail(picture) for picture in pictures])
    assert {(pair.first, pair.second) for pair in found} == {(at, at + PEOPLE) for at in range(PEOPLE)}
    assert {pair.mirrored for pair in found} == {name in ("mirror", "all_of_it")}
    assert [pair.likeness for pair in found] == sorted((pair.likeness for pair in found), reverse=True)


def test_a_slice_with_many_copies_is_linked_to_each() -> None:
    copies = [make_thumbnail(draw_brain(0))] * 30
    found = find_duplicates([*copies, make_thumbnail(draw_brain(1))])
    linked = {pair.first for pair in found} | {pair.second for pair in found}
    assert linked == set(range(30))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures_have_no_pair(count: int) -> None:
    assert find_duplicates([make_thumbnail(draw_brain(0))] * count) == []


def test_likeness_is_the_same_whichever_picture_comes_first() -> None:
    first, second = make_thumbnail(draw_brain(0)), make_thumbnail(VARIANTS["crop"](draw_brain(0)))
    assert likeness(first, second) == pytest.approx(likeness(second, first), abs=0.02)
    assert likeness(first, first) == pytest.approx(1)
    assert likeness(first, make_thumbnail(draw_brain(1))) < LEAST_LIKENESS


def test_mirrored_twice_is_the_same() -> None:
    thumbnail = make_thumbnail(draw_brain(3))
    assert likeness(thumbnail.mirrored.mirrored, thumbnail) == pytest.approx(1)
    assert likeness(thumbnail.mirrored, make_thumbnail(VARIANTS["mirror"](draw_brain(3)))) == pytest.approx(1)
