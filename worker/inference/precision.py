"""In which numbers the network multiplies; asked for without loading it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

_NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # as Linux names the processor's abilities


class Precision(StrEnum):
    """What the network multiplies in; `AUTO` is bfloat16 on processors that have it, and else float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def uses_bfloat16(precision: Precision) -> bool:
    """Whether a network of this precision multiplies bfloat16 here."""
    return precision is Precision.BFLOAT16 or (precision is Precision.AUTO and bool(_NATIVE_BFLOAT16 & _abilities()))


def _abilities() -> set[str]:
    """The processor's, as far as the system tells; only Linux does so in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
