from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from neurobatch.client import Client, InvalidKey, RequestRefused
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


def test_a_limit_that_was_broken_is_named() -> None:
    problem: Any = {"detail": "too large", "code": "limit_exceeded", "limit": "max_file_bytes", "value": 1024}
    assert of_error(RequestRefused(413, problem)) == (3, ["too large (limit_exceeded; max_file_bytes = 1024)"])


def test_what_cannot_be_a_key_is_not_shown() -> None:
    with pytest.raises(InvalidKey) as caught:
        Client(key="nb_012\n345_secret")
    told = of_error(caught.value)
    assert told is not None
    assert (told[0], "secret" in told[1][0]) == (2, False)
    assert Client(key="nb_012345_secret\r\n")._http.headers["Authorization"] == "Bearer nb_012345_secret"


@pytest.mark.parametrize(
    ("url", "through"), [("http://127.0.0.1:8000", False), ("http://[::1]", False), ("http://mri.example", True)]
)
def test_a_service_on_this_machine_is_asked_directly(url: str, through: bool) -> None:
    assert Client(url)._http.trust_env is through


def test_a_fault_of_the_program_is_not_told_as_the_users() -> None:
    assert of_error(KeyError("state")) is None


def test_the_documentation_lists_every_code() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    assert [f"| {int(code)} | {code.description} |" for code in ExitCode] == [
        line for line in text.splitlines() if line.startswith(tuple(f"| {int(code)} | " for code in ExitCode))
    ]
