"""What the exit status of `neurobatch` means, and how errors are told: in one place for all commands.

The table of docs/api.md says the same for users; `tests/unit/neurobatch/test_exit_codes.py` holds the two together.
"""

from __future__ import annotations

from enum import IntEnum

import httpx
from pydantic import ValidationError

from neurobatch.client import InvalidKey, RequestRefused
from neurobatch.documents import Batch
from shared.errors import NeurobatchError


class ExitCode(IntEnum):
    """Exit statuses; `description` is their line in the documentation."""

    description: str

    OK = 0, "done; of a batch that was waited for, every scan succeeded, was rejected or cancelled"
    NOT_ALL_WELL = 1, "some scans failed or no scan of the batch succeeded; of other commands: it could not be done"
    USAGE = 2, "wrong arguments or settings; nothing was sent"
    REFUSED = 3, "the service refused the request; its problem document says why"
    UNREACHABLE = 4, "the service did not answer, after several tries"
    NOT_FOUND = 5, "there is no such batch, webhook or delivery"
    INTERRUPTED = 130, "stopped by Ctrl-C"

    def __new__(cls, value: int, description: str) -> ExitCode:
        """An integer with its meaning."""
        code = int.__new__(cls, value)
        code._value_ = value
        code.description = description
        return code


def of_batch(batch: Batch) -> ExitCode:
    """The exit code that tells how a batch stands."""
    unwell = batch["counts"]["failed"] or batch["state"] == "failed"
    return ExitCode.NOT_ALL_WELL if unwell else ExitCode.OK


def of_error(error: BaseException) -> tuple[ExitCode, list[str]] | None:
    """The exit code and the lines that tell a user of an error; None for one that is a fault of the program."""
    from sqlalchemy.exc import InterfaceError, OperationalError  # of few commands, and slow to import

    match error:
        case RequestRefused():
            code = ExitCode.NOT_FOUND if error.status == httpx.codes.NOT_FOUND else ExitCode.REFUSED
            return code, [f"{error} ({_reason(error)})"]
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | InvalidKey():
            return ExitCode.USAGE, [str(error)]
        case httpx.TransportError():
            return ExitCode.UNREACHABLE, [f"The service does not answer: {error}"]
        case ValidationError():
            return ExitCode.USAGE, [f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        case OperationalError() | InterfaceError():
            return ExitCode.NOT_ALL_WELL, [f"The database does not answer: {str(error.orig).splitlines()[0]}"]
        case NeurobatchError() | OSError():
            return ExitCode.NOT_ALL_WELL, [str(error)]
        case _:
            return None


def _reason(refused: RequestRefused) -> str:
    """The problem's code, and the limit where one was broken."""
    problem = refused.problem
    code = str(problem.get("code", refused.status))
    return f"{code}; {problem['limit']} = {problem.get('value')}" if "limit" in problem else code


def _variable(location: tuple[int | str, ...]) -> str:
    """Of a fault that lies between settings, whose message names them: of them all."""
    return "NEUROBATCH_" + ("_".join(map(str, location)).upper() or "*")
