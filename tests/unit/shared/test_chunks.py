from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dispatch import chunks


def rows(count: int, limit: int | None = None) -> list[tuple[UUID, int | None]]:
    return [(uuid4(), limit) for _ in range(count)]


def test_chunks_are_full_while_others_follow() -> None:
    assert [len(chunk) for chunk in chunks(rows(200), chunk_size=64)] == [64, 64, 64, 8]


def test_the_last_chunks_become_smaller() -> None:
    sizes = [len(chunk) for chunk in chunks(rows(400), chunk_size=64, are_last=True)]
    assert sizes[:3] == [64, 64, 64]
    assert sizes == sorted(sizes, reverse=True)
    assert 4 <= sizes[-1] < 8  # no rest of one or two, which would cost what eight do


@pytest.mark.parametrize(("left", "sizes"), [(7, [7]), (8, [4, 4]), (13, [7, 6]), (15, [8, 7]), (16, [8, 4, 4])])
def test_the_last_two_are_as_long_as_each_other(left: int, sizes: list[int]) -> None:
    """One worker at thirteen while another has nothing left to do would hold up the end of every batch."""
    assert [len(chunk) for chunk in chunks(rows(left), chunk_size=64, are_last=True)] == sizes


@given(st.lists(st.sampled_from([None, 1, 4, 100]), max_size=150), st.booleans())
def test_every_scan_is_in_one_chunk_that_it_may_be_in(limits: list[int | None], are_last: bool) -> None:
    given_rows = [(uuid4(), limit) for limit in limits]
    found = list(chunks(given_rows, chunk_size=16, are_last=are_last))
    assert sorted(scan for chunk in found for scan in chunk) == sorted(scan for scan, _ in given_rows)
    largest = {scan: min(16, limit or 16) for scan, limit in given_rows}
    assert all(len(chunk) <= largest[scan] for chunk in found for scan in chunk)
