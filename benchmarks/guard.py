"""`python -m benchmarks.guard`: a small run that fails where a ratio became worse than what was last accepted.

Ratios alone are compared, never seconds, and on two cores, so that any machine may run it. benchmarks/accepted.json
holds them with what each may lose to noise. In the first six recorded runs the median of any three pairs of a size was
at most an eighth below that of all runs for end to end, and a third for accepting; the tolerances are a little more.
Whoever makes the service faster, or has a reason to make it slower, writes the new ratios there by `--accept`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.figures import ratio
from benchmarks.scans import make_scans
from benchmarks.side_by_side import measure_side_by_side
from benchmarks.stages import measure_stages
from shared.settings import Settings

ACCEPTED = Path(__file__).parent / "accepted.json"
_SCANS, _REPETITIONS = 400, 3
_CORES = 2
_STAGE_SCANS, _STAGE_REPETITIONS = 96, 5


@click.command()
@click.option("--accept", is_flag=True, help="Write what was measured as the ratios that count from now on.")
def main(*, accept: bool) -> None:
    """Compare a few ratios with the accepted ones; about a minute."""
    accepted = json.loads(ACCEPTED.read_text())
    # Workers use every core that there is and receiving one: their ratio would tell the number.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
    measured = _measure()
    if accept:
        ACCEPTED.write_text(json.dumps(accepted | {"ratios": measured}, indent=2) + "\n")
        return
    worse = regressions(measured, accepted["ratios"], accepted["tolerance"])
    for name, value in measured.items():
        click.echo(f"{name}: {value:.3g}, accepted {accepted['ratios'][name]:.3g}", err=True)
    if worse:
        click.echo("\n".join(worse), err=True)
        sys.exit(1)


def regressions(
    measured: Mapping[str, float], accepted: Mapping[str, float], tolerance: Mapping[str, float]
) -> list[str]:
    """What of the ratios is worse than accepted by more than its tolerance, in sentences.

    `tolerance`: the share that may be lost; negative for a ratio that is better when it is smaller.
    """
    worse = []
    for name, value in measured.items():
        limit = accepted[name] * (1 - tolerance[name])
        if value < limit if tolerance[name] > 0 else value > limit:
            worse.append(f"{name} is {value:.3g}; {accepted[name]:.3g} was accepted, and {limit:.3g} is the limit")
    return worse


def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="neurobatch-bench-") as folder:
        scans = make_scans(Path(folder) / "scans", _SCANS)
        stages = measure_stages(scans[:_STAGE_SCANS], model_dir=Settings().model_dir, repetitions=_STAGE_REPETITIONS)
        turns = measure_side_by_side(
            scans, Path(folder), repetitions={_SCANS: _REPETITIONS}, tell=lambda text: click.echo(text, err=True)
        )[_SCANS]
    return {
        "end_to_end_over_in_process": ratio(turns.loop_s, turns.service_s).median,
        "accept_over_process": ratio(
            [run.completed_s - run.accepted_s for run in turns.service], [run.accepted_s for run in turns.service]
        ).median,
        "explain_over_predict": stages["explain_over_predict"]["median"],
    }


if __name__ == "__main__":
    main()
