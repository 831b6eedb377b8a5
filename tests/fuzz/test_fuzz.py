"""The short form of `make fuzz`, and every input that once did harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.draw_corpus import CORPUS, seeds
from tests.fuzz.run import REGRESSIONS, Fuzzer, fuzzer


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fuzzer]:
    with fuzzer(tmp_path, seed=20_26) as running:
        yield running


def test_harmed_inputs_are_read_or_refused_and_harm_no_other(fresh: Fuzzer) -> None:
    fresh.run(400)
    ends = fresh.report.outcomes
    assert ends["scan read"] > 50
    assert ends["scan rejected: truncated_image"] > 50
    assert ends["400 malformed_body"] > 0


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*.*")), ids=lambda path: path.name)
def test_what_once_did_harm_does_none(fresh: Fuzzer, path: Path) -> None:
    fresh.replay(path)


def test_the_seeds_are_those_that_the_script_draws() -> None:
    """By name: how a picture is packed differs between versions of the libraries."""
    assert {path.name for path in CORPUS.iterdir()} == set(seeds())
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 100_000
