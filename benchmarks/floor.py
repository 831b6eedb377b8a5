"""Beside what each stage takes a floor: the network's multiplications at the most that a core can, pictures by the bare
library.

No design reaches their sum: it leaves out all that is judged, laid out and drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# AVX-512 BF16: 32 multiplications, each with its addition, in an instruction; two of these a clock at best.
_BFLOAT16_MACS_A_CLOCK = 64


def stage_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown; the column of floors is empty where a run did not measure what they are made of."""
    yield "| stage, one thread | ms a scan | lowest to highest | floor, ms |"
    yield "|---|---|---|---|"
    floors = floor_ms(document)
    measured = {name: one for name, one in document.get("stages", {}).items() if name.endswith("_ms")}
    for name, one in measured.items():
        stage = name.removesuffix("_ms")
        told = f"{floors[stage]:.2g}" if stage in floors else ""
        yield f"| {stage} | {one['median']:.3g} | {one['low']:.3g} to {one['high']:.3g} | {told} |"
    if measured and len(floors) == len(measured):
        yield f"| together | {sum(one['median'] for one in measured.values()):.3g} | | {sum(floors.values()):.2g} |"


def floor_ms(document: Mapping[str, Any]) -> dict[str, float]:
    """By stage, of a run; the network's only where it is known, and on processors that multiply bfloat16."""
    stages, machine = document.get("stages", {}), document["machine"]
    floors = {stage: float(one["low"]) for stage, one in stages.get("bare", {}).items()}
    clock_ghz = machine.get("clock_ghz")
    if "network_macs" in stages and clock_ghz and machine.get("multiplies_bfloat16"):
        floors["predict"] = stages["network_macs"] / (_BFLOAT16_MACS_A_CLOCK * clock_ghz * 1e6)
    return floors
