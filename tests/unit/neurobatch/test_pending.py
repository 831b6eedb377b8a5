from __future__ import annotations

import os
import time
from pathlib import Path

import httpx
import pytest

from neurobatch import Client
from neurobatch.client import RequestRefused
from neurobatch.commands.submit import _known, _send
from neurobatch.files import collect
from neurobatch.pending import content_of, take_up
from neurobatch.retrying import Patience


def test_an_interrupted_submission_is_taken_up_with_its_key_and_its_batch(tmp_path: Path) -> None:
    first = take_up(tmp_path, "abc")
    assert take_up(tmp_path, "abc") == first
    first.accepted("019")
    again = take_up(tmp_path, "abc")
    assert (again.key, again.batch_id) == (first.key, "019")
    assert take_up(tmp_path, "other").key != first.key


def test_what_is_done_is_a_new_submission_the_next_time(tmp_path: Path) -> None:
    first = take_up(tmp_path, "abc")
    first.done()
    assert take_up(tmp_path, "abc").key != first.key


def test_what_the_service_may_have_forgotten_is_not_taken_up(tmp_path: Path) -> None:
    first = take_up(tmp_path, "abc")
    first.accepted("019")
    a_day_ago = time.time() - 24 * 3600
    os.utime(first.file, (a_day_ago, a_day_ago))
    again = take_up(tmp_path, "abc")
    assert again.key != first.key
    assert again.batch_id is None


@pytest.mark.parametrize(
    ("status", "code", "kept"), [(409, "idempotency_key_in_progress", True), (422, "idempotency_key_reused", False)]
)
def test_a_submission_that_the_service_is_still_at_keeps_its_key(
    tmp_path: Path, status: int, code: str, kept: bool
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"code": code, "detail": "told"})

    scan = tmp_path / "a.png"
    scan.write_bytes(b"x")
    first = take_up(tmp_path, "abc")
    with Client("http://127.0.0.1:9", patience=Patience(retries=0)) as client:
        client._http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1:9")
        with pytest.raises(RequestRefused):
            _send(client, [scan], first)
    assert (take_up(tmp_path, "abc").key == first.key) is kept


@pytest.mark.parametrize(
    ("status", "document", "found", "anew"),
    [
        (200, {"id": "019", "state": "running"}, True, False),
        (404, {"code": "not_found"}, False, False),
        (403, {"code": "forbidden"}, False, False),  # a key that may submit and not read
        (200, {"id": "019", "state": "cancelled"}, False, True),
    ],
)
def test_the_batch_of_an_interrupted_run_is_gone_on_with_where_that_can_be(
    tmp_path: Path, status: int, document: dict[str, str], found: bool, anew: bool
) -> None:
    pending = take_up(tmp_path, "abc")
    pending.accepted("019")
    key = pending.key
    with Client("http://127.0.0.1:9", patience=Patience(retries=0)) as client:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=document))
        client._http = httpx.Client(transport=transport, base_url="http://127.0.0.1:9")
        assert (_known(client, pending) is not None) is found
    assert (take_up(tmp_path, "abc").key != key) is anew


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    first = take_up(tmp_path, "abc")
    for broken in ("{", "[]"):
        first.file.write_text(broken)
        assert take_up(tmp_path, "abc").key != first.key


def test_everything_that_is_submitted_counts(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    scan.write_bytes(b"1")

    def content(url: str = "http://a", name: str | None = None, **metadata: object) -> str:
        return content_of(url, collect([tmp_path]), name=name, metadata=metadata)

    seen = [content(), content(url="http://b"), content(name="n"), content(ward="3")]
    os.utime(scan, (1, 1))
    seen.append(content())
    scan.write_bytes(b"12")
    os.utime(scan, (1, 1))
    seen.append(content())
    scan.rename(tmp_path / "b.png")
    seen.append(content())
    assert len(set(seen)) == len(seen)
    assert content() == content()
