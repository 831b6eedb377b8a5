from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.keys import parse_key


@given(st.text())
def test_any_text_is_a_key_or_none(text: str) -> None:
    parsed = parse_key(text)
    assert parsed is None or f"nb_{parsed[0]}_{parsed[1]}" == text


@pytest.mark.parametrize("tail", ["", "\n", " ", "0"])
def test_only_the_whole_form_is_a_key(tail: str) -> None:
    key = "nb_" + "0" * 12 + "_" + "a" * 64
    assert (parse_key(key + tail) is not None) == (tail == "")
