"""Pages are counted without an image library, however the chain of directories is knotted."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.errors import InvalidScan
from shared.images import count_frames, read_image
from shared.tiff_pages import SIGNATURES, page_offsets
from tests.fuzz import bombs


def stack(pages: int, *, big: bool = False) -> bytes:
    encoded = io.BytesIO()
    pictures = [Image.fromarray(np.full((40, 40), 10 * number, np.uint8)) for number in range(pages)]
    pictures[0].save(encoded, "TIFF", save_all=True, append_images=pictures[1:], big_tiff=big)
    return encoded.getvalue()


@pytest.mark.parametrize("big", [False, True])
def test_every_page_is_found_and_read(*, big: bool) -> None:
    data = stack(5, big=big)
    assert count_frames(data) == 5
    assert [read_image(data, frame=frame, max_pixels=10_000)[0, 0] for frame in range(5)] == [0, 10, 20, 30, 40]


@pytest.mark.parametrize(("make", "pages"), [(bombs.tiff_cycle, 3), (bombs.tiff_self, 1)])
def test_a_chain_that_bites_its_tail_ends_there(make: object, pages: int) -> None:
    assert callable(make)
    assert count_frames(make(large=False)) == pages


def test_pages_are_counted_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(bombs.tiff_many_pages(large=False))
    assert count_frames(path, limit=1_001) == 1_001


@pytest.mark.parametrize("offset", [10**6, 2**32 - 1])
def test_a_page_that_lies_outside_the_file_is_one_that_cannot_be_read(offset: int) -> None:
    data = bombs.tiff([bombs.grey_page()], last_next=offset, data=bytes(64 * 64))
    assert count_frames(data) == 2
    assert read_image(data, max_pixels=10_000).shape == (64, 64)
    with pytest.raises(InvalidScan) as caught:
        read_image(data, frame=1, max_pixels=10_000)
    assert caught.value.code == "truncated_image"


def test_a_stack_that_was_cut_short_loses_no_page_silently() -> None:
    data = stack(3)
    second, third = page_offsets(data, limit=9)[1:]
    assert count_frames(data[: third + 4]) == 3
    assert count_frames(data[: second + 4]) == 2


@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_any_bytes_have_at_least_one_page(signature: bytes, rest: bytes) -> None:
    assert 1 <= count_frames(signature + rest, limit=50) <= 50


def test_an_offset_beyond_what_a_file_can_be_is_no_error() -> None:
    huge = b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**64 - 1)
    assert count_frames(huge) == 1
