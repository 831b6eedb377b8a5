"""Where the time of one scan goes, stage by stage on one thread, and what the explanation adds to the network.

`python -m benchmarks.stages MODEL_DIR REPETITIONS` reads paths of scans from its input and writes JSON: it runs in a
process of its own, because the number of TensorFlow's threads can be set only once.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from benchmarks.bare_codecs import measure_bare
from benchmarks.figures import Figure, figure, ratio
from benchmarks.subprocesses import ROOT, run_module
from shared.domain import CLASSES
from training.architectures import build
from training.config import load_config
from worker.inference.compiled import compile_network
from worker.inference.gradcam import heatmap
from worker.inference.model import Model, load_model
from worker.inference.pipeline import Pipeline
from worker.inference.precision import Precision
from worker.inference.types import Decoded, Explained, Source

_BATCH = 32
_MOST_PIXELS = 4096 * 4096
_MOBILENETV2 = Path(__file__).parent.parent / "training" / "configs" / "mobilenetv2.toml"
_COMPARISON = ROOT / "models" / "comparison.json"
_BARE_SCANS = 64  # a page of each is held in memory, 1 MB
_STAGES = ("decode", "preprocess", "predict", "explain", "render")

Floats = npt.NDArray[np.float32]


def measure_stages(scans: Sequence[Path], *, model_dir: Path, repetitions: int) -> dict[str, Any]:
    """Of each stage milliseconds a scan; `explain_over_predict` and `cnn_over_mobilenetv2`, with their spread.

    What a floor is made of beside them (`benchmarks.floor`): `bare` and, where it is known, `network_macs`.
    """
    told: dict[str, Any] = json.loads(run_module(__name__, [str(model_dir), str(repetitions)], scans))
    return told


def main() -> None:
    """As the module's docstring says."""
    scans = [Path(line) for line in sys.stdin.read().splitlines()]
    model_dir, repetitions = Path(sys.argv[1]), int(sys.argv[2])
    model = load_model(model_dir, precision=Precision.AUTO, threads=1)
    pipeline = Pipeline(model, max_pixels=_MOST_PIXELS)
    warm = pipeline.run([Source(scan) for scan in scans[:_BARE_SCANS]])
    explained = [outcome for outcome in warm if isinstance(outcome, Explained)]
    rounds = [_timings(pipeline, scans) for _ in range(repetitions)]
    stages = {f"{stage}_ms": figure([one[stage] for one in rounds], "ms").as_json() for stage in _STAGES}
    decoded = [item for item in pipeline.decode_all([Source(scan) for scan in scans]) if isinstance(item, Decoded)]
    pixels = np.stack([item.prepared.pixels for item in decoded])[..., None]
    ratios = {
        "explain_over_predict": _explain_over_predict(model, pixels, repetitions).as_json(),
        "cnn_over_mobilenetv2": _over_mobilenetv2(model, pixels, repetitions).as_json(),
    }
    bare = measure_bare(scans[:_BARE_SCANS], explained, repetitions=repetitions)
    floor = {"bare": {stage: one.as_json() for stage, one in bare.items()}, **_macs_of(model.name)}
    json.dump({**stages, **ratios, **floor}, sys.stdout)


def _macs_of(model: str) -> dict[str, int]:
    """Multiplications with their additions of one scan, where the model is one of the compared."""
    costs = json.loads(_COMPARISON.read_text())["costs"]
    return {"network_macs": costs[model]["macs"]} if model in costs else {}


def _timings(pipeline: Pipeline, scans: Sequence[Path]) -> dict[str, float]:
    outcomes = pipeline.run([Source(scan) for scan in scans])
    explained = [outcome for outcome in outcomes if isinstance(outcome, Explained)]
    return {stage: sum(one.timings[stage] for one in explained) / len(explained) for stage in _STAGES}


def _explain_over_predict(model: Model, pixels: Floats, repetitions: int) -> Figure:
    """The pass that gives logits, maps and distance, with the chosen class's map scaled; over logits alone."""
    bare = keras.Model(model.network.inputs, [model.network.outputs[0]])
    alone = compile_network(bare, size_px=model.size_px, precision=Precision.AUTO)

    def explained(batch: Floats) -> None:
        logits, maps = model.infer(batch)[:2]
        for one, of_class in zip(maps, logits.argmax(axis=1), strict=True):
            heatmap(one, CLASSES[of_class])

    return ratio(*_in_turn(explained, alone, pixels, pixels, repetitions))


def _over_mobilenetv2(model: Model, pixels: Floats, repetitions: int) -> Figure:
    """Throughput of our network over MobileNetV2's, each at the size of its configuration; weights do not matter.

    MobileNetV2 may take the precision that is faster for it.
    """
    config = load_config(_MOBILENETV2)
    at_its_size = np.resize(pixels, (len(pixels), config.size_px, config.size_px, 1))
    figures = []
    for precision in (Precision.FLOAT32, Precision.AUTO):
        net = build(config, size_px=config.size_px)
        rival = compile_network(net, size_px=config.size_px, precision=precision)
        figures.append(ratio(*_in_turn(rival, model.infer, at_its_size, pixels, repetitions)))
    return min(figures, key=lambda found: found.median)


def _in_turn(
    one: Callable[[Floats], object],
    other: Callable[[Floats], object],
    of_one: Floats,
    of_other: Floats,
    repetitions: int,
) -> tuple[list[float], list[float]]:
    """Seconds of each repetition of either, in batches; the two take turns, so that both meet the same machine."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repetitions + 1):
        for run, pixels, kept in ((one, of_one, seconds[0]), (other, of_other, seconds[1])):
            started = time.perf_counter()
            for start in range(0, len(pixels), _BATCH):
                run(pixels[start : start + _BATCH])
            kept.append(time.perf_counter() - started)
    return seconds[0][1:], seconds[1][1:]


if __name__ == "__main__":
    main()
