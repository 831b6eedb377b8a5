"""`neurobatch compare`: networks side by side on the same patients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_ENSEMBLE = "ensemble"


@click.command()
@click.argument("tables", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", default="build/comparison", show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--costs", type=click.Path(exists=True, path_type=Path), help="What `neurobatch cost` measured (JSON).")
@click.option("--ensemble", is_flag=True, help="And all of them together, by the mean of their log-probabilities.")
@click.option("--record", is_flag=True, help="Put it into models/ and the documents.")
def compare(tables: tuple[Path, ...], out: Path, costs: Path | None, *, ensemble: bool, record: bool) -> None:
    """Compare TABLES of out-of-fold scores (CSV), each named by its folder, with paired tests by patient.

    Costs are those of the bundle in a table's folder or under it. Writes comparison.json, .md and .png; of an ensemble
    its table of scores as well, for `neurobatch evaluate`.
    """
    from training.evaluation.comparison import COMPARISON_FILE
    from training.evaluation.comparison import compare as compare_tables
    from training.evaluation.ensemble import ensemble_of
    from training.evaluation.report import write_document
    from training.evaluation.scores import SCORES_FILE, read_scores, write_scores
    from training.publication.comparison_tables import comparison_table, difference_table
    from training.publication.documents import fill_documents
    from training.publication.plots.comparison import draw_comparison

    named = {path.resolve().parent.name: path for path in tables}
    if len(named) < len(tables):
        raise click.UsageError("two tables lie in folders of the same name")
    if ensemble and (record or _ENSEMBLE in named):
        raise click.UsageError("--ensemble goes without --record, and without a table in a folder of that name")
    try:
        scores = {name: read_scores(path) for name, path in named.items()}
        if ensemble:
            scores[_ENSEMBLE] = ensemble_of(list(scores.values()))
        comparison = compare_tables(scores, _costs_of(named, json.loads(costs.read_text())) if costs else {})
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if ensemble:
        write_scores(out / _ENSEMBLE / SCORES_FILE, scores[_ENSEMBLE])
    text = f"{comparison_table(comparison)}\n\n{difference_table(comparison)}\n"
    write_document(out / COMPARISON_FILE, comparison)
    (out / "comparison.md").write_text(text)
    draw_comparison(comparison, out / "comparison.png")
    if record:
        write_document(Path("models") / COMPARISON_FILE, comparison)
        draw_comparison(comparison, Path("docs/images/model/comparison.png"))
        for path in fill_documents(Path()):
            click.echo(f"renewed {path}", err=True)
    click.echo(text)


def _costs_of(tables: Mapping[str, Path], costs: Mapping[str, Any]) -> dict[str, Any]:
    """Of each table's network; where its bundles lie is of no interest to a reader."""
    return {
        name: {key: value for key, value in measured.items() if key != "bundle"}
        for name, table in tables.items()
        for measured in costs["models"]
        if Path(measured["bundle"]).resolve().is_relative_to(table.resolve().parent)
    }
