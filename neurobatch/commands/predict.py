"""`neurobatch predict`: classify files without a service, in bounded memory."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from neurobatch.folder_scans import FolderScan
    from worker.inference.model import Model
    from worker.inference.pipeline import Pipeline


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON lines, input order.")
@click.option("--maps", type=click.Path(file_okay=False, path_type=Path), help="Folder for the heatmaps as .npy.")
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="The bundle; default: of the settings.")
def predict(paths: tuple[Path, ...], out: Path, maps: Path | None, model: Path | None) -> None:
    """Classify files, or every file of folders (sorted, with their subfolders); ZIP archives are not opened.

    Each picture gives one line in OUT, a rejected one too; exit status 0 even then.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from neurobatch.files import check_readable, collect
    from neurobatch.folder_scans import chunks
    from shared.decoder import Decoder
    from shared.settings import load_settings
    from worker.inference.model import load_model
    from worker.inference.pipeline import Pipeline

    settings = load_settings()
    members = collect(paths)
    check_readable(members)
    files = [(member.name, member.path) for member in members]
    loaded = load_model(model or settings.model_dir)
    if maps:
        maps.mkdir(parents=True, exist_ok=True)
    counts, in_review = {"succeeded": 0, "rejected": 0}, 0
    with Decoder(settings) as decoder, _replacing(out) as lines:
        pipeline = Pipeline(loaded, max_pixels=settings.max_pixels, reader=decoder)
        limits = {
            "max_bytes": settings.max_file_bytes,
            "max_frames": settings.max_frames_per_file,
            "max_volume_bytes": settings.max_volume_bytes,
        }
        for chunk in chunks(files, pipeline, **limits):
            for record in _records(chunk, pipeline, model=loaded, maps=maps, first=sum(counts.values())):
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
                counts[record["state"]] += 1
                in_review += record.get("needs_review", False)
            print(f"\r{sum(counts.values())} scans of {len(files)} files", end="", file=sys.stderr, flush=True)
    told = f"{counts['succeeded']} succeeded ({in_review} to be reviewed), {counts['rejected']} rejected"
    print(f"\r{told}", file=sys.stderr)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Write beside `path` and move into place, so that a run cut short leaves no half file under that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    # Linux file names may hold bytes that are no UTF-8; escaped, they stay distinct.
    with unfinished.open("w", encoding="utf-8", errors="backslashreplace") as file:
        yield file
    unfinished.replace(path)


def _records(
    chunk: Sequence[FolderScan], pipeline: Pipeline, *, model: Model, maps: Path | None, first: int
) -> Iterator[dict[str, Any]]:
    """One JSON object a scan, in order; heatmaps are written on the way."""
    import numpy as np

    from shared.heatmaps import lay_out
    from worker.inference.pipeline import focus_of
    from worker.inference.types import Rejected

    predicted = iter(pipeline.predict([scan.decoded for scan in chunk if not isinstance(scan.decoded, Rejected)]))
    for number, scan in enumerate(chunk, start=first):
        record: dict[str, Any] = {"filename": scan.filename, "frame": scan.frame}
        result = scan.decoded if isinstance(scan.decoded, Rejected) else next(predicted)
        if isinstance(result, Rejected):
            yield record | {"state": "rejected", "code": result.code, "message": result.message}
            continue
        height, width = result.decoded.image.shape
        frame = result.decoded.prepared.frame
        heat = lay_out(result.grid, frame=frame, width=width, height=height)
        focus = focus_of(heat, frame=frame)
        record |= {
            "state": "succeeded",
            "label": str(result.prediction.label),
            "probabilities": {str(label): share for label, share in result.prediction.probabilities.items()},
            "confidence": result.prediction.confidence,
            "needs_review": result.prediction.needs_review,
            "review_reasons": list(result.prediction.review_reasons),
            "focus": {"x": focus.x, "y": focus.y},
            "model": model.name,
        }
        if maps:
            path = maps.resolve() / map_name(number, scan.filename)
            np.save(path, heat)
            record["map"] = str(path)
        yield record


def map_name(number: int, filename: str) -> str:
    """A name of our own making: unique by its number, readable by what is harmless of the file's name."""
    stem = Path(filename).stem
    harmless = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in stem)
    return f"{number:06}-{harmless[:80]}.npy"
