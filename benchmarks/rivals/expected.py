"""The labels that our own pipeline gives, which every rival's are held against.

In a process of its own, so that whoever measures need not hold TensorFlow: `python -m benchmarks.rivals.expected
MODEL_DIR` reads paths from its input, one a line, and writes a JSON object from file names to labels.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_MOST_PIXELS = 64_000_000
_TOLD_CHARS = 1500


def expected_labels(scans: Sequence[Path], model_dir: Path) -> dict[str, str]:
    """The label of every scan by its file's name. Raises ValueError where one is turned away."""
    command = [sys.executable, "-m", __name__, str(model_dir)]
    paths = "\n".join(map(str, scans))
    done = subprocess.run(command, input=paths, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"our own pipeline did not label the scans: {done.stderr[-_TOLD_CHARS:]}")
    labels: dict[str, str] = json.loads(done.stdout)
    return labels


def main() -> None:
    """As the module's docstring says."""
    from worker.inference.model import load_model
    from worker.inference.pipeline import Pipeline
    from worker.inference.types import Rejected, Source

    paths = [Path(line) for line in sys.stdin.read().splitlines()]
    outcomes = Pipeline(load_model(Path(sys.argv[1])), max_pixels=_MOST_PIXELS).run([Source(path) for path in paths])
    labels = {}
    for path, outcome in zip(paths, outcomes, strict=True):
        if isinstance(outcome, Rejected):
            raise SystemExit(f"{path} is no scan: {outcome.message}")
        labels[path.name] = str(outcome.prediction.label)
    json.dump(labels, sys.stdout)


if __name__ == "__main__":
    main()
