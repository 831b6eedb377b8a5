from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import UNFINISHED, BatchState, ScanState, batch_state

counts = st.dictionaries(st.sampled_from(list(ScanState)), st.integers(0, 5)).filter(lambda c: any(c.values()))


@given(counts, st.booleans())
def test_a_batch_is_done_exactly_when_no_scan_is_unfinished(found: dict[ScanState, int], cancel: bool) -> None:
    unfinished = any(found.get(state, 0) for state in UNFINISHED)
    going = {BatchState.QUEUED, BatchState.RUNNING, BatchState.CANCELLING}
    assert (batch_state(found, cancel_requested=cancel) in going) == unfinished


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"queued": 2}, "queued"),
        ({"queued": 2, "rejected": 1}, "queued"),
        ({"queued": 2, "succeeded": 1}, "running"),
        ({"succeeded": 2}, "completed"),
        ({"succeeded": 2, "rejected": 1}, "completed_with_errors"),
        ({"succeeded": 2, "failed": 1}, "completed_with_errors"),
        ({"rejected": 1, "failed": 1}, "failed"),
    ],
)
def test_states_of_a_batch(found: dict[str, int], state: str) -> None:
    assert batch_state({ScanState(s): n for s, n in found.items()}) == state


def test_cancelling_ends_in_cancelled() -> None:
    assert batch_state({ScanState.RUNNING: 1, ScanState.CANCELLED: 1}, cancel_requested=True) == "cancelling"
    assert batch_state({ScanState.SUCCEEDED: 1, ScanState.CANCELLED: 1}, cancel_requested=True) == "cancelled"
    assert batch_state({ScanState.SUCCEEDED: 2}, cancel_requested=True) == "completed"
