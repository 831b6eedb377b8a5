"""Tables for a terminal hold text alone, whoever wrote it."""

from __future__ import annotations

import pytest

from neurobatch.documents import Webhook
from neurobatch.progress import print_webhooks


def test_what_a_terminal_would_obey_is_shown_as_nothing_known(capsys: pytest.CaptureFixture[str]) -> None:
    hook = Webhook(
        id="w",
        url="https://example.org/\N{GREEK SMALL LETTER ALPHA}",
        events=["batch.completed"],
        description="a\x1b]0;title\x07b\nc\x9bd",
        state="active",
        created_at="2026-01-01T00:00:00Z",
        disabled_at=None,
    )
    print_webhooks([hook])
    told = capsys.readouterr().out
    assert "a\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c" in told
    assert "\N{GREEK SMALL LETTER ALPHA}" in told
    assert not {"\x1b", "\x07", "\x9b"} & set(told)
