"""Weights and preparation belong together: a head is still cut out, stretched and judged as when they were shipped.

Where another model is shipped, its answers are written anew: python -m tests.unit.inference.shipped_answers
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.inference.shipped_answers import FILE, answers, load_shipped

_WRITE_ANEW = "where that is meant, run: python -m tests.unit.inference.shipped_answers"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return answers(load_shipped())


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text())
    return document


def test_the_answers_are_those_of_the_weights_that_are_shipped(found: dict[str, Any], kept: dict[str, Any]) -> None:
    for name in ("model", "sha256"):
        assert found[name] == kept[name], f"another model is shipped; {_WRITE_ANEW}"


def test_the_same_square_of_each_head_is_shown_to_the_network(found: dict[str, Any], kept: dict[str, Any]) -> None:
    assert found["frames"] == kept["frames"], f"heads are cut out otherwise; {_WRITE_ANEW}"


def test_the_network_answers_what_it_did(found: dict[str, Any], kept: dict[str, Any]) -> None:
    for head, (now, then) in enumerate(zip(found["logits"], kept["logits"], strict=True)):
        assert now == pytest.approx(then, abs=0.05), f"head {head} is judged otherwise; {_WRITE_ANEW}"
