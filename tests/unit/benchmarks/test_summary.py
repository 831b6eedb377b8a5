from __future__ import annotations

from typing import Any

import pytest

from benchmarks.summary import headline, markdown

FIGURE = {"median": 1.02, "low": 1.0, "high": 1.05, "unit": "times", "repetitions": 3}


def turns(size: int, worker_mib: float) -> dict[str, Any]:
    return {
        "service_s": [size / 200, size / 250],
        "accepted_s": [size / 1000, size / 1000],
        "in_process_s": [size / 250, size / 250],
        "peak_mib": {"api": 120.0, "worker": worker_mib},
    }


MEASURED = {
    "stages": {"explain_over_predict": FIGURE, "predict_ms": {**FIGURE, "unit": "ms"}},
    "start": {"api_ready_s": 1.9, "first_result_after_import_s": 1.8},
    "side_by_side": {"1000": turns(1_000, 500.0), "10000": turns(10_000, 510.0)},
    "rivals": {
        "bentoml": {"rival": [90.0, 100.0], "before_disk": [95.0, 105.0], "service": [225.0, 200.0]},
        "usual_script": {"rival": [4.0, 5.0], "service": [250.0, 200.0]},
    },
    "reading": {"status_poll_p95_ms_1m": 7.0, "scan_page_p95_ms_1m": 21.0, "kinds": []},
}


def test_every_headline_is_made_of_what_was_measured() -> None:
    found = headline(MEASURED)
    assert found["end_to_end_over_in_process_1000"] == pytest.approx(0.9)
    assert found["million_scans_h"] == pytest.approx(1.25, rel=1e-3)
    assert found["accept_over_process"] == pytest.approx(3.5)
    assert found["over_bentoml"] == 2.25
    assert found["figures"]["over_bentoml"]["low"] == 2.0
    assert (found["api_rss_mb"], found["worker_rss_mb"]) == (120.0, 510.0)
    assert found["worker_rss_10000_over_1000"] == pytest.approx(1.02)
    assert (found["status_poll_p95_ms_1m"], found["scan_page_p95_ms_1m"]) == (7.0, 21.0)
    assert found["explain_over_predict"] == 1.02


def test_what_was_not_measured_is_not_told() -> None:
    found = headline({"stages": MEASURED["stages"]})
    assert set(found) == {"explain_over_predict", "figures"}


def test_a_missed_aim_is_told_as_missed() -> None:
    """A server is passed where ours is faster in each pair."""
    beside = {"rival": [90.0, 201.0, 100.0], "service": [225.0, 200.0, 230.0]}
    found = headline(MEASURED | {"rivals": {"bentoml": beside}, "start": {"api_ready_s": 3.5}})
    table = markdown(found | MEASURED | {"machine": {"cores": 2, "processor": "X"}, "seconds": 9})
    assert "| the lowest at least 1: **missed** |" in table
    assert "| from the start to the API ready | 3.5 s | 3.5 to 3.5 | at most 3: **missed** |" in table


def test_the_table_has_a_row_for_each_figure_and_the_speeds() -> None:
    document = headline(MEASURED) | MEASURED | {"machine": {"cores": 2, "processor": "X"}, "seconds": 9}
    table = markdown(document)
    assert "| end to end over BentoML | 2.25 x | 2 to 2.5 | the lowest at least 1: met |" in table
    assert "| end to end over the usual Keras script | 51.2 x | 40 to 62.5 | at least 25: met |" in table
    assert "| the same, 1,000 scans | 0.9 x | 0.8 to 1 | at least 0.85: met |" in table
    assert (
        "| time of the network with Grad-CAM over the network alone | 1.02 x | 1 to 1.05 | at most 1.05: met |" in table
    )
    assert "| in process, 1000 scans | 250.0 |" in table
    assert "| bentoml, until its files are written to memory | 100.0 |" in table
    assert "| predict | 1.02 | 1 to 1.05 |" in table
    assert table.count("\n| ") == len(document["figures"]) + 1 + 9 + 1 + 1 + 1
