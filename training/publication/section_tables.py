"""Markdown tables of what was measured elsewhere and added to an evaluation: their JSON is of any shape.

A rate is a mapping with `value` and `n`. Mappings side by side that hold the same figures become one table of a row
each; what else there is becomes rows named by their way through the JSON. Texts and lists stay in the JSON, and so
does detail: whatever is called `..._by_...`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.publication.tables import markdown_table
from training.publication.wording import name_of, number_in_words, rate_in_words

Document = Mapping[str, Any]
Cell = tuple[str, str]  # the figure in words, and its n


def section_tables(section: Document) -> str:
    """All tables of one section, a blank line between them."""
    alone: list[tuple[str, str, str]] = []
    tables = list(_tables(section, (), alone))
    if alone:
        tables.insert(0, markdown_table(("figure", "value", "n"), alone))
    return "\n\n".join(tables)


def _tables(found: Document, way: tuple[str, ...], alone: list[tuple[str, str, str]]) -> Iterator[str]:
    """Tables at and under one mapping; figures that stand by themselves are added to `alone`."""
    rows = {name: dict(_cells(inner)) for name, inner in found.items() if _is_group(inner)}
    alike = len(rows) > 1 and len({tuple(cells) for cells in rows.values()}) == 1 and all(rows.values())
    if alike:
        yield _one_row_each(rows, title=", ".join(map(name_of, way)) or "measured")
    for name, inner in found.items():
        if not (alike and name in rows) and "_by_" not in name:
            if _is_group(inner):
                yield from _tables(inner, (*way, name), alone)
            elif cell := _cell(name, inner):
                alone.append((", ".join(map(name_of, (*way, name))), *cell))


def _one_row_each(rows: Mapping[str, Mapping[str, Cell]], *, title: str) -> str:
    """With one n for each row where its figures share it; else with that of a column at its head or in its cells."""
    columns = list(next(iter(rows.values())))
    of_rows = {name: {n for _, n in cells.values() if n} for name, cells in rows.items()}
    if all(len(counts) <= 1 for counts in of_rows.values()):
        told = {name: [cells[column][0] for column in columns] for name, cells in rows.items()}
        lines = [(name_of(name), *cells, *(of_rows[name] or {""})) for name, cells in told.items()]
        return markdown_table((title, *columns, "n"), lines)
    shared = {c: counts.pop() for c in columns if len(counts := {cells[c][1] for cells in rows.values()}) == 1}
    heads = [_with_n(column, shared.get(column, "")) for column in columns]
    lines = [
        (name_of(name), *(cells[c][0] if c in shared else _with_n(*cells[c]) for c in columns))
        for name, cells in rows.items()
    ]
    return markdown_table((title, *heads), lines)


def _with_n(told: str, n: str) -> str:
    return f"{told} (n {n})" if n else told


def _cells(group: Document, way: tuple[str, ...] = ()) -> Iterator[tuple[str, Cell]]:
    """Every figure in a mapping, however deep, named by its way."""
    for name, inner in group.items():
        if "_by_" in name:
            continue
        if _is_group(inner):
            yield from _cells(inner, (*way, name))
        elif cell := _cell(name, inner):
            yield ", ".join(map(name_of, (*way, name))), cell


def _cell(name: str, value: Any) -> Cell | None:
    if isinstance(value, Mapping):
        return rate_in_words(name, {"interval": None, **value}), f"{value['n']:,}"
    return (number_in_words(value), "") if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_group(value: Any) -> bool:
    return isinstance(value, Mapping) and not {"value", "n"} <= set(value)
