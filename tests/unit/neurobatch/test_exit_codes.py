from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from neurobatch.client import RequestRefused
from neurobatch.exit_codes import ExitCode, of_batch, of_error
from shared.errors import InvalidBundle

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("state", "failed", "code"),
    [("completed", 0, 0), ("completed_with_errors", 0, 0), ("completed_with_errors", 1, 1), ("failed", 0, 1)],
)
def test_the_code_tells_how_a_batch_stands(state: str, failed: int, code: int) -> None:
    batch: Any = {"state": state, "counts": {"failed": failed}}
    assert of_batch(batch) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestRefused(413, {"detail": "too large", "code": "limit_exceeded"}), 3),
        (RequestRefused(404, {"detail": "no batch", "code": "not_found"}), 5),
        (httpx.ConnectError("refused"), 4),
        (httpx.UnsupportedProtocol("no http"), 2),
        (InvalidBundle("models/none is no readable model bundle"), 1),
    ],
)
def test_errors_that_a_user_can_mend_have_their_codes(error: Exception, code: int) -> None:
    told = of_error(error)
    assert told is not None
    assert told[0] == code
    assert str(error) in told[1][0]


def test_a_fault_of_the_program_is_not_told_as_the_users() -> None:
    assert of_error(KeyError("state")) is None


def test_the_documentation_lists_every_code() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    assert [f"| {int(code)} | {code.description} |" for code in ExitCode] == [
        line for line in text.splitlines() if line.startswith(tuple(f"| {int(code)} | " for code in ExitCode))
    ]
