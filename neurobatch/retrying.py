"""Sends a request again when the service did not answer or was busy.

After no answer, or a proxy's in its place, only what may arrive twice: reads, and submissions, whose Idempotency-Key
makes the second the same as the first. A service that was busy says so before it has done anything; one that has lost
its database may have done it, so a change that must not be made twice is not sent again then either.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

_LONGEST_PAUSE_S = 60.0
# The same submission was begun on a connection that broke, and the service is still at it.
IN_PROGRESS = "idempotency_key_in_progress"
_DATABASE_LOST = "database_unavailable"
# Of the codes of 429 those that time alone helps: a full quota waits for somebody to delete something.
_PASSING = (
    "rate_limited",
    "too_many_uploads",
    "too_many_streams",
    "too_many_pictures",
    "too_many_studies",
    "too_many_reports",
    "too_many_dry_runs",
)


@dataclass(frozen=True)
class Patience:
    """How often to try again, and the first pause; each pause is twice the one before, and random within that."""

    retries: int = 4
    pause_s: float = 0.5

    def send(
        self, request: Callable[[], httpx.Response], *, repeatable: bool = True, is_change: bool = False
    ) -> httpx.Response:
        """The answer; after the last try a refusal is returned and an httpx.TransportError raised as it came.

        `is_change`: it must not be made twice, which a read that is only costly may.
        """
        for left in range(self.retries, -1, -1):
            pause_s = self.pause_s * 2 ** (self.retries - left) * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                response = request()
            except httpx.TransportError as error:
                if not left or not repeatable or isinstance(error, httpx.UnsupportedProtocol):
                    raise
            else:
                passing = _is_busy(response) and not (is_change and _may_be_done(response))
                passing = passing or (repeatable and _is_of_a_proxy(response))
                if not left or not passing:
                    return response
                pause_s = max(pause_s, _asked_pause_s(response))
            time.sleep(min(pause_s, _LONGEST_PAUSE_S))
        raise AssertionError("unreachable")


def _is_busy(response: httpx.Response) -> bool:
    """Whether the service says that the same request may succeed in a while."""
    if response.status_code == httpx.codes.CONFLICT:
        return IN_PROGRESS in response.text
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return any(code in response.text for code in _PASSING)
    return response.status_code == httpx.codes.SERVICE_UNAVAILABLE


def _may_be_done(response: httpx.Response) -> bool:
    """Whether the database was lost at a moment when the change may have been made already."""
    return response.status_code == httpx.codes.SERVICE_UNAVAILABLE and _DATABASE_LOST in response.text


def _is_of_a_proxy(response: httpx.Response) -> bool:
    """Whether nobody answered but a proxy, which cannot know what became of the request."""
    return response.status_code in {httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}


def _asked_pause_s(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0
