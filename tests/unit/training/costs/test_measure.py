import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.errors import InvalidBundle
from training.costs.macs import count_macs
from training.costs.measure import Effort, Subject, environment_of, measure_costs
from training.export import export_untrained
from worker.inference.network import build_network


def test_two_bundles_are_measured_side_by_side(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    export_untrained(small, size_px=32, width=6)
    export_untrained(large, size_px=128, width=24)
    history = tmp_path / "history.jsonl"
    history.write_text('{"epoch": 1, "took_s": 90}\n')
    (tmp_path / "config.json").write_text('{"small_epochs": 0, "epochs": 1, "teacher": "master"}')
    rounds: list[str] = []
    told = measure_costs(
        [Subject(small, history), Subject(large)],
        threads=(1,),
        effort=Effort(rounds=2, calls=3, batches=1),
        report=rounds.append,
    )
    assert len(rounds) == told["rounds"] == 2
    assert told["machine"]["cpu"]
    assert told["machine"]["cores"] > 0
    assert json.loads(json.dumps(told)) == told
    first, second = told["models"]
    network = build_network(size_px=128, width=24)
    assert (second["name"], second["input_px"]) == ("large", 128)
    assert second["parameters"] == network.count_params()
    assert second["macs"] == count_macs(network)
    assert second["size_bytes"] == (large / "weights.keras").stat().st_size
    assert (first["training_minutes"], second["training_minutes"]) == (1.5, None)
    assert (first["teacher"], second["teacher"]) == ("master", "")
    for model in (first, second):
        figures = model["threads"]["1"]
        for time in (figures["latency_ms"], figures["scans_per_s"], figures["cpu_ms_per_scan"]):
            assert 0 < time["low"] <= time["median"] <= time["high"]
        assert 50 < figures["peak_memory_mb"] < 20_000
    assert first["over_first"]["1"]["scans_per_s"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    # Some 200 times the operations: that is not as quick, however busy the machine is.
    assert second["over_first"]["1"]["scans_per_s"]["median"] < 1
    assert second["over_first"]["1"]["latency_ms"]["median"] > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_numpy_has_no_more_threads_than_are_measured(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")
    monkeypatch.setenv("FOR_ALL", "kept")
    told = environment_of(threads=threads)
    assert (told["OPENBLAS_NUM_THREADS"], told["OMP_NUM_THREADS"]) == (str(threads), str(threads))
    assert told["FOR_ALL"] == "kept"


def test_a_folder_that_is_no_bundle_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle):
        measure_costs([Subject(tmp_path)])


def test_peak_memory_is_this_programs_and_not_its_parents() -> None:
    held = np.ones(60_000_000)  # 480 MB, which Linux's getrusage would count for the child as well
    code = "from training.costs.memory import peak_memory_bytes; x = bytearray(100_000_000); print(peak_memory_bytes())"
    asked = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    del held
    assert 100e6 < int(asked.stdout) < 300e6
