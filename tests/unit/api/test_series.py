"""Slices are put together by series and ordered by where they lie, whatever the files say."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.series import put_together
from api.slices import Slice
from shared.dicom import Plane
from shared.domain import StudyKind

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))


def a_slice(
    series: str | None = "1.2", *, at: tuple[float, float, float] | None = None, axes: Any = AXIAL, **known: Any
) -> Slice:
    plane = Plane(at, along_row=axes[0], along_column=axes[1]) if at else None
    return Slice(StudyKind.DICOM, study_uid="1", series_uid=series, plane=plane, **known)


def order_of(*slices: Slice) -> tuple[int, ...]:
    (series,) = put_together(slices, files=["one"] * len(slices))
    return series.members


def test_slices_are_ordered_along_their_normal_whatever_their_numbers() -> None:
    heights = [10.0, -5.0, 0.0]
    slices = [a_slice(at=(3.0, 7.0, z), instance_number=n) for n, z in enumerate(heights)]
    assert order_of(*slices) == (1, 2, 0)
    # The normal of a sagittal plane, as DICOM lays it out, points to the patient's right.
    assert order_of(*(a_slice(at=(x, 0.0, 0.0), axes=SAGITTAL) for x in heights)) == (0, 2, 1)


def test_slices_without_positions_are_ordered_by_number_and_without_those_as_they_came() -> None:
    assert order_of(a_slice(instance_number=3), a_slice(instance_number=1)) == (1, 0)
    assert order_of(a_slice(instance_number=3, at=(0.0, 0.0, 1.0)), a_slice(instance_number=1)) == (1, 0)
    assert order_of(a_slice(instance_number=3), a_slice()) == (0, 1)


def test_slices_of_several_directions_are_ordered_by_number() -> None:
    localizer = [
        a_slice(at=(5.0, 0.0, 9.0), instance_number=2),
        a_slice(at=(1.0, 0.0, 0.0), axes=SAGITTAL, instance_number=1),
    ]
    assert order_of(*localizer) == (1, 0)


def test_slices_in_one_place_are_ordered_by_number_and_then_as_they_came() -> None:
    numbers = [2, 1, 1]
    assert order_of(*(a_slice(at=(0.0, 0.0, 1.0), instance_number=n) for n in numbers)) == (1, 2, 0)


def test_series_are_studies_and_files_without_one_are_their_own() -> None:
    slices = [a_slice("1.2"), None, a_slice("1.3"), a_slice(None), a_slice("1.2"), a_slice(None), a_slice(None)]
    found = put_together(slices, files=["a", "b", "c", "d", "e", "d", "f"])
    assert [series.members for series in found] == [(0, 4), (2,), (3, 5), (6,)]


numbers = st.one_of(st.floats(), st.just(math.nan), st.integers(-3, 3).map(float))
planes = st.builds(
    Plane,
    st.tuples(numbers, numbers, numbers),
    along_row=st.tuples(numbers, numbers, numbers),
    along_column=st.tuples(numbers, numbers, numbers),
)
anything = st.builds(
    Slice,
    st.just(StudyKind.DICOM),
    series_uid=st.sampled_from([None, "1.2", "1.3"]),
    instance_number=st.none() | st.integers(),
    plane=st.none() | planes,
)


@given(st.lists(st.none() | anything, max_size=8))
def test_whatever_files_say_each_slice_has_one_place(slices: list[Slice | None]) -> None:
    found = put_together(slices, files=range(len(slices)))
    placed = sorted(number for series in found for number in series.members)
    assert placed == [number for number, one in enumerate(slices) if one is not None]
