from __future__ import annotations

from pathlib import Path

import pytest

from worker.inference.precision import Precision, uses_bfloat16


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu avx512_bf16 sse", True), ("fpu amx_bf16", True), ("fpu avx512f avx2", False)]
)
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: f"processor\t: 0\nflags\t\t: {flags}\n")
    assert uses_bfloat16(Precision.AUTO) is expected
    assert uses_bfloat16(Precision.BFLOAT16)
    assert not uses_bfloat16(Precision.FLOAT32)


def test_a_system_that_tells_nothing_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    assert not uses_bfloat16(Precision.AUTO)
