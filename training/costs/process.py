"""One process of a cost measurement: one bundle, one number of threads, which cannot be changed once TensorFlow runs.

Started by `training.costs.measure` as `python -m training.costs.process BUNDLE THREADS`. It tells in one line of JSON
what it loaded, then answers every line of its input with the times of one round, until the input ends.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.costs.macs import count_macs
from training.costs.memory import peak_memory_bytes
from worker.inference.model import Model, load_model

BATCH = 32


def main(folder: Path, threads: int) -> None:
    """Load, warm up, then one round for every line read."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = load_model(folder)
    rng = np.random.default_rng(0)
    scans = rng.random((BATCH, model.size_px, model.size_px, 1), dtype=np.float32)
    model.infer(scans[:1])
    model.infer(scans)
    _tell(
        {
            "parameters": int(model.network.count_params()),
            "macs": count_macs(model.network),
            "tensorflow": tf.__version__,
        }
    )
    for line in sys.stdin:
        _tell({**_round(model, scans, **json.loads(line)), "peak_memory_bytes": peak_memory_bytes()})


def _round(model: Model, scans: Any, *, calls: int, batches: int) -> dict[str, float]:
    """The median time of `calls` single scans; scans a second, and processor time of one, over `batches` batches."""
    times_s = [_time_s(model, scans[:1]) for _ in range(calls)]
    cpu_s = time.process_time()
    taken_s = sum(_time_s(model, scans) for _ in range(batches))
    cpu_s = time.process_time() - cpu_s
    return {
        "latency_ms": float(np.median(times_s)) * 1000,
        "scans_per_s": batches * BATCH / taken_s,
        "cpu_ms_per_scan": cpu_s * 1000 / (batches * BATCH),
    }


def _time_s(model: Model, scans: Any) -> float:
    started = time.perf_counter()
    model.infer(scans)
    return time.perf_counter() - started


def _tell(document: Mapping[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
