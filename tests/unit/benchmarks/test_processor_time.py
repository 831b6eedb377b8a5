"""What a process takes of a core is counted to its kind, and the rest is told."""

from __future__ import annotations

import os
import sys
import time

import pytest

from benchmarks.processor_time import processor_table, processor_time

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def test_the_time_of_a_kind_is_that_of_its_processes() -> None:
    def work() -> str:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        return "done"

    result, taken = processor_time(work, lambda: {"busy": [os.getpid()], "ended": [2**22 + 1]})
    assert result == "done"
    assert taken["busy"] == pytest.approx(0.2, abs=0.03)
    assert taken["ended"] == 0.0
    # The system counts in ticks of 10 ms, each core by itself.
    assert taken["cores"] >= 0.2 * len(os.sched_getaffinity(0)) * 0.75


def test_the_table_tells_ms_a_scan_in_the_mean() -> None:
    loop = [{"loop": 7.0, "elsewhere": 0.5, "idle": 0.5, "cores": 8.0}] * 2
    service = [{"api": api, "worker": 7.0, "elsewhere": 1.0, "idle": 0.5, "cores": 8.5 + api} for api in (0.4, 0.6)]
    one = {"in_process_processor_s": loop, "service_processor_s": service}
    assert [*processor_table({"side_by_side": {"1000": one}})][2:] == [
        "| loop | 7.00 |  |",
        "| api |  | 0.50 |",
        "| worker |  | 7.00 |",
        "| elsewhere | 0.50 | 1.00 |",
        "| idle | 0.50 | 0.50 |",
        "| together | 8.00 | 9.00 |",
    ]


def test_a_run_of_before_has_no_table() -> None:
    assert [*processor_table({"side_by_side": {"1000": {"service_s": [5.0]}}})] == []
