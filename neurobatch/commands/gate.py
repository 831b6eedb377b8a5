"""`neurobatch gate`: fit what turns away pictures that are no brain MRI, and tell how often it errs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from training.evaluation.rates import Rate

_TIMED = 128  # scans
_MAX_PIXELS = 10_000_000


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("build/gate"), show_default=True)
@click.option(
    "--model",
    type=click.Path(exists=True, path_type=Path),
    help="The bundle it stands before; default: of the settings.",
)
@click.option(
    "--run-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The cross-validation of its recipe, with fold-K/bundle; without it no distance counts.",
)
@click.option(
    "--images",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of pictures that are no brain MRI, counted as a kind of its own.",
)
@click.option(
    "--left-out", type=int, metavar="FOLD", help="Fit it without this fold's scans, for a network without them."
)
@click.option("--only-count", is_flag=True, help="Fit nothing; ask the gate that the bundle holds of the others.")
def gate(
    out: Path,
    model: Path | None,
    run_dir: Path | None,
    folders: tuple[Path, ...],
    left_out: int | None,
    *,
    only_count: bool,
) -> None:
    """Write gate.npz, for `neurobatch release --gate`, and gate.json to --out; about six minutes.

    The distances that the networks of its cross-validation give scans of the fold they were kept from set the second
    limit.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.settings import load_settings
    from training.appearances import is_ct
    from training.dataset.class_folders import SUFFIXES
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.rates import rate
    from training.gate import extra_time, fit_gate, rejected_share
    from training.kin import fit_kin, out_of_fold_distances
    from training.not_brains import find_photographs, kinds
    from worker.inference.gate import save_gate
    from worker.inference.model import load_model
    from worker.inference.pipeline import Pipeline

    given = {folder.name: _pictures(folder, SUFFIXES) for folder in folders}
    if len(given) < len(folders):
        raise click.UsageError(
            "--images: two of the folders have the same name, which is what their pictures are told by"
        )
    photographs = find_photographs(datasets_dir())
    slices = [item for item in load_index(datasets_dir()) if item.fold != left_out]
    folder = model or load_settings().model_dir
    bundle = load_model(folder)
    files = dict(kinds(slices, photographs=photographs))
    if taken := sorted(files.keys() & given.keys()):
        raise click.UsageError(f"--images: {taken[0]} are counted anyway; call the folder otherwise")
    files |= {name: (path.read_bytes() for path in paths) for name, paths in given.items()}
    out.mkdir(parents=True, exist_ok=True)
    if only_count:
        others = {kind: rejected_share(bundle, each) for kind, each in files.items()}
        _write(out, {"other_pictures_rejected": others}, others)
        return
    ct = {item.file for item in slices if is_ct(item, size_px=bundle.size_px)}
    mri = [item for item in slices if item.file not in ct]
    distances = out_of_fold_distances(run_dir, mri) if run_dir else None
    kin = fit_kin(bundle, mri) if run_dir else None
    fitted, rejected = fit_gate(slices, distances=distances, kin=kin, ct=ct)
    bundle.gate, further = fitted, fitted.reject_beyond_with_distance
    others = {kind: rejected_share(bundle, each) for kind, each in files.items()}
    some = [item.path.read_bytes() for item in slices[:: max(1, len(slices) // _TIMED)]]
    figures = {
        "extra_time_a_scan": extra_time(fitted, Pipeline(bundle, max_pixels=_MAX_PIXELS), some),
        "reject_beyond": fitted.reject_beyond,
        **({"reject_beyond_with_distance": further} if math.isfinite(further) else {}),
        "brain_mri_rejected": rejected,
        "ct_among_brain_mri": {
            name: rate([item.file in ct for item in slices if item.source == name]) for name in rejected
        },
        "other_pictures_rejected": others,
    }
    save_gate(out / "gate.npz", fitted)
    _write(out, figures, rejected | others)
    click.echo(f"It adds {figures['extra_time_a_scan']:.1%} to a scan's time.")


def _write(out: Path, figures: Mapping[str, object], shares: Mapping[str, Rate]) -> None:
    (out / "gate.json").write_text(json.dumps(figures, indent=1) + "\n")
    click.echo("| pictures | rejected | n |\n|---|---|---|")
    for kind, share in shares.items():
        click.echo(f"| {kind} | {share['value']:.1%} | {share['n']} |")


def _pictures(folder: Path, suffixes: Collection[str]) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in suffixes)
    if not found:
        raise click.UsageError(f"--images {folder}: there is no picture in it ({', '.join(sorted(suffixes))})")
    return found
