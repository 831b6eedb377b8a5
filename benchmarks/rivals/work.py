"""What each server does with a batch of scans: our own pipeline, and its three files per scan.

Runs in the rival's environment, where a server finds its settings in the environment's variables. Files are written
without fsync, since none of the rivals promises that they last; the client brings them all to the disk in the end. The
gate is asked as in the service and in the loop: without it what is no brain MRI would be given a tumour, which is
another output.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np

from benchmarks.rivals.variables import FOLDER_VARIABLE, MODEL_VARIABLE, READY, WORKERS_VARIABLE
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline
from worker.inference.precision import Precision
from worker.inference.types import Explained, Rejected, Source

_MOST_PIXELS = 64_000_000

Answer = dict[str, str | float]


class Work:
    """The model, loaded and warm, and the folder for the files."""

    def __init__(self, model_dir: Path, folder: Path) -> None:
        # The other cores have workers of their own.
        model = load_model(model_dir, precision=Precision.AUTO, threads=1)
        self._pipeline = Pipeline(model, max_pixels=_MOST_PIXELS)
        self._folder = folder
        ready = folder / READY
        ready.mkdir(parents=True, exist_ok=True)
        (ready / str(os.getpid())).touch()

    def run(self, scans: Sequence[bytes]) -> list[Answer]:
        """One answer per scan, in order: `label`, a probability per class, and the paths `overlay` and `map`."""
        return [self._store(outcome) for outcome in self._pipeline.run([Source(scan) for scan in scans])]

    def _store(self, outcome: Explained | Rejected) -> Answer:
        if isinstance(outcome, Rejected):
            raise TypeError(f"a scan of the benchmark was turned away: {outcome.message}")
        name = uuid4().hex
        overlay, raw_map = self._folder / f"{name}.jpg", self._folder / f"{name}.npy"
        overlay.write_bytes(outcome.overlay)
        (self._folder / f"{name}.png").write_bytes(outcome.heatmap_png)
        np.save(raw_map, outcome.grid)
        probabilities = {str(label): share for label, share in outcome.prediction.probabilities.items()}
        return {"label": str(outcome.prediction.label), **probabilities, "overlay": str(overlay), "map": str(raw_map)}


def work_of_this_process() -> Work:
    """With the model and the folder that the environment names."""
    return Work(Path(os.environ[MODEL_VARIABLE]), Path(os.environ[FOLDER_VARIABLE]))


def workers() -> int:
    """How many processes should work, as the environment says."""
    return int(os.environ[WORKERS_VARIABLE])
