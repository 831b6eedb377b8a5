from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest

from neurobatch.retrying import Patience


def answers(*given: httpx.Response | httpx.TransportError) -> tuple[Callable[[], httpx.Response], list[float]]:
    """A request that comes to these ends one after another, and the times it was sent at."""
    left, sent_at = list(given), []

    def request() -> httpx.Response:
        sent_at.append(time.monotonic())
        end = left.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return request, sent_at


def test_a_broken_connection_and_a_busy_service_are_tried_again() -> None:
    request, sent_at = answers(httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(202))
    assert Patience(retries=2, pause_s=0.01).send(request).status_code == 202
    assert len(sent_at) == 3


def test_the_pause_is_as_long_as_the_service_asks() -> None:
    request, sent_at = answers(httpx.Response(503, headers={"Retry-After": "1"}), httpx.Response(202))
    Patience(pause_s=0.001).send(request)
    assert sent_at[1] - sent_at[0] >= 1


@pytest.mark.parametrize("asked", ["Wed, 21 Oct 2065 07:28:00 GMT", "-1", "²", ""])
def test_an_unreadable_retry_after_is_passed_over(asked: str) -> None:
    headers = [(b"Retry-After", asked.encode())]
    request, sent_at = answers(httpx.Response(503, headers=headers), httpx.Response(202))
    Patience(pause_s=0.001).send(request)
    assert sent_at[1] - sent_at[0] < 0.5


def test_the_last_end_is_told_as_it_came() -> None:
    patience = Patience(retries=1, pause_s=0.001)
    request, _ = answers(httpx.Response(503), httpx.Response(503))
    assert patience.send(request).status_code == 503
    request, _ = answers(httpx.ReadError("first"), httpx.ReadError("last"))
    with pytest.raises(httpx.ReadError, match="last"):
        patience.send(request)


@pytest.mark.parametrize("status", [404, 409, 413, 422, 500])
def test_a_refusal_is_final(status: int) -> None:
    request, sent_at = answers(httpx.Response(status, json={"code": "conflict"}))
    assert Patience().send(request).status_code == status
    assert len(sent_at) == 1


@pytest.mark.parametrize("code", ["rate_limited", "too_many_uploads", "too_many_pictures"])
def test_a_share_that_others_of_the_project_have_is_waited_for(code: str) -> None:
    request, _ = answers(httpx.Response(429, json={"code": code}), httpx.Response(200))
    assert Patience(pause_s=0.001).send(request).status_code == 200


@pytest.mark.parametrize(("is_change", "sent"), [(False, 2), (True, 1)])
def test_what_may_be_done_already_is_sent_again_only_if_that_is_harmless(is_change: bool, sent: int) -> None:
    lost = httpx.Response(503, json={"code": "database_unavailable"})
    request, sent_at = answers(lost, httpx.Response(201))
    Patience(pause_s=0.001).send(request, repeatable=False, is_change=is_change)
    assert len(sent_at) == sent


def test_a_submission_whose_first_try_still_runs_is_tried_again() -> None:
    busy = httpx.Response(409, json={"code": "idempotency_key_in_progress"})
    request, _ = answers(busy, httpx.Response(202))
    assert Patience(pause_s=0.001).send(request).status_code == 202


def test_an_address_that_is_none_is_told_at_once() -> None:
    request, sent_at = answers(httpx.UnsupportedProtocol("no http"))
    with pytest.raises(httpx.UnsupportedProtocol):
        Patience().send(request)
    assert len(sent_at) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxys_answer_is_none_so_only_what_may_arrive_twice_is_sent_again(status: int) -> None:
    request, sent_at = answers(httpx.Response(status), httpx.Response(200))
    assert Patience(pause_s=0.001).send(request).status_code == 200
    request, sent_at = answers(httpx.Response(status), httpx.Response(200))
    assert Patience(pause_s=0.001).send(request, repeatable=False).status_code == status
    assert len(sent_at) == 1
