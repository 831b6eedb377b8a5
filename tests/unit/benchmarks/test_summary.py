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
        "peak_mib": {"api": 100.0 + size / 500, "worker": worker_mib},
    }


MEASURED: dict[str, Any] = {
    "stages": {"explain_over_predict": FIGURE, "predict_ms": {**FIGURE, "unit": "ms"}},
    "start": {"api_ready_s": 1.9, "first_result_after_import_s": 1.8},
    "side_by_side": {"1000": turns(1_000, 500.0), "10000": turns(10_000, 510.0)},
    "rivals": {
        "bentoml": {"rival": [90.0, 100.0], "before_disk": [95.0, 105.0], "service": [225.0, 200.0]},
        "usual_script": {"rival": [4.0, 5.0], "service": [250.0, 200.0]},
    },
    "reading": {"status_poll_p95_ms_1m": 7.0, "scan_page_p95_ms_1m": 21.0, "kinds": {}},
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
    assert found["api_rss_10000_over_1000"] == pytest.approx(1.176)
    assert "relay_rss_10000_over_1000" not in found
    assert (found["status_poll_p95_ms_1m"], found["scan_page_p95_ms_1m"]) == (7.0, 21.0)
    assert found["explain_over_predict"] == 1.02


def test_a_million_scans_are_told_in_hours_on_disk_and_in_the_database() -> None:
    ten_thousand = turns(10_000, 510.0) | {"disk_bytes_a_scan": {"uploads": 36_000.0, "artifacts": 73_000.0}}
    reading = {"scans": 100_000, "database_bytes": 250_000_000}
    found = headline({"side_by_side": {"10000": ten_thousand}, "reading": reading})
    assert (found["million_scans_uploads_gb"], found["million_scans_artifacts_gb"]) == (36.0, 73.0)
    assert found["million_scans_database_gb"] == 2.5


def test_a_start_is_repeated_or_of_a_run_before_taken_once() -> None:
    repeated = headline({"start": {"api_ready_s": [1.9, 1.8, 2.5]}})["figures"]["api_ready_s"]
    assert (repeated["median"], repeated["low"], repeated["high"], repeated["repetitions"]) == (1.9, 1.8, 2.5, 3)
    assert headline(MEASURED)["figures"]["api_ready_s"]["repetitions"] == 1


def test_the_head_tells_what_the_rivals_environments_took() -> None:
    bentoml = MEASURED["rivals"]["bentoml"] | {"environment_s": 61.2, "environment_made": True}
    mlserver = MEASURED["rivals"]["bentoml"] | {"environment_s": 0.0, "environment_made": False}
    measured = MEASURED | {"rivals": {"bentoml": bentoml, "mlserver": mlserver}}
    head = markdown(measured | {"machine": {"cores": 2, "processor": "X"}, "seconds": 99}).splitlines()[:2]
    assert head[0] == "2 cores of X; 99 s in all."
    assert head[1] == "The rivals' environments took 61 s of these; 1 of 2 were made in this run."


def test_what_was_not_measured_is_not_told() -> None:
    found = headline({"stages": MEASURED["stages"]})
    assert set(found) == {"explain_over_predict", "figures"}


def test_a_missed_aim_is_told_as_missed() -> None:
    """A server is passed where ours is faster in each pair."""
    beside = {"rival": [90.0, 201.0, 100.0], "service": [225.0, 200.0, 230.0]}
    measured = MEASURED | {"rivals": {"bentoml": beside}, "start": {"api_ready_s": 3.5}}
    table = markdown(measured | {"machine": {"cores": 2, "processor": "X"}, "seconds": 9})
    assert "| the lowest at least 1: **missed** |" in table
    assert "| from the start to the API ready | 3.5 s | 3.5 to 3.5 | at most 3: **missed** |" in table


def test_the_table_has_a_row_for_each_figure_and_the_speeds() -> None:
    document = headline(MEASURED) | MEASURED | {"machine": {"cores": 2, "processor": "X"}, "seconds": 9}
    table = markdown(document)
    assert "| end to end over BentoML | 2.25 x | 2 to 2.5 | the lowest at least 1: met |" in table
    assert "| end to end over the usual Keras script | 51.25 x | 40 to 62.5 | at least 25: met |" in table
    assert "| the same, 1,000 scans | 0.9 x | 0.8 to 1 | at least 0.85: met |" in table
    assert (
        "| time of the network with Grad-CAM over the network alone | 1.02 x | 1 to 1.05 | at most 1.05: met |" in table
    )
    assert "| in process, 1000 scans | 250.0 |" in table
    assert "| bentoml, until its files are written to memory | 100.0 |" in table
    assert "| predict | 1.02 | 1 to 1.05 |" in table
    assert table.count("\n| ") == len(document["figures"]) + 1 + 9 + 1 + 1 + 1
