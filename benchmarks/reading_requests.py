"""What is asked of a service with many stored scans: every list, filter and order of docs/api.md, by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg

from api.scan_orders import Place, ScanSort, encode_place
from api.schemas.pages import encode_cursor
from benchmarks.stored_scans import StoredBatch

LARGEST_PAGE = 200
_STATES = ("succeeded", "rejected", "failed", "running", "cancelled")
_PLACES = """
SELECT s.id, p.confidence, s.filename FROM scans s LEFT JOIN predictions p ON p.scan_id = s.id WHERE s.batch_id = %s
"""
_NEWEST_AT = "SELECT id FROM scans WHERE project = %s AND created_at = %s ORDER BY id DESC LIMIT 1"


class Group(StrEnum):
    """What a request counts towards."""

    TRIVIAL = "trivial"
    STATUS = "status"
    SCANS = "scans"
    OTHER = "other"


@dataclass(frozen=True)
class Kind:
    """Requests of one kind; its paths are asked for in turn."""

    name: str
    group: Group
    paths: Sequence[str]


def all_kinds(connection: psycopg.Connection[Any], batches: Sequence[StoredBatch], *, project: str) -> list[Kind]:
    """Every kind of request that a reader of `project` may make."""
    mine = [batch for batch in batches if batch.project == project]
    kinds = [Kind("GET /livez", Group.TRIVIAL, ["/livez"]), Kind("GET /v1/limits", Group.TRIVIAL, ["/v1/limits"])]
    kinds += _statuses(mine)
    kinds += _searches(connection, mine, project)
    for size in sorted({batch.scans for batch in mine}, reverse=True):
        kinds += _lists(connection, [b for b in mine if b.scans == size and not b.running][-3:], f"of {size:,}")
    if running := [batch for batch in mine if batch.running]:
        kinds += _lists(connection, running[:1], "running")
    return kinds + list(_others(connection, mine))


def _statuses(batches: Sequence[StoredBatch]) -> Iterator[Kind]:
    sizes = sorted({(batch.scans, batch.running) for batch in batches}, reverse=True)
    for size, running in sizes:
        found = [b.id for b in batches if (b.scans, b.running) == (size, running)][-20:]
        name = f"status of {size:,}{', running' if running else ''}"
        yield Kind(name, Group.STATUS, [f"/v1/batches/{batch_id}" for batch_id in found])


def _searches(connection: psycopg.Connection[Any], batches: Sequence[StoredBatch], project: str) -> Iterator[Kind]:
    middle = batches[len(batches) // 2]
    old, recent = batches[len(batches) // 10].created_at, batches[-len(batches) // 10].created_at
    filters: dict[str, dict[str, str]] = {"": {}}
    filters |= _common_filters()
    filters |= {
        "batch": {"batch": str(middle.id)},
        "batch, state": {"batch": str(middle.id), "state": "failed"},
        "since": {"since": recent.isoformat()},
        "until": {"until": old.isoformat()},
        "since, until": {"since": old.isoformat(), "until": middle.created_at.isoformat()},
        "until, label": {"until": old.isoformat(), "label": "pituitary"},
        "until, state": {"until": old.isoformat(), "state": "rejected"},
        "until, needs_review": {"until": old.isoformat(), "needs_review": "true"},
        "until, confidence": {"until": middle.created_at.isoformat(), "max_confidence": "0.4"},
        "until, corrected": {"until": old.isoformat(), "corrected": "true"},
        "long ago": {"until": "2025-01-01T00:00:00Z"},
    }
    deep = _one(connection, _NEWEST_AT, [project, middle.created_at])
    study = connection.execute("SELECT id FROM studies WHERE project = %s LIMIT 1", [project]).fetchone()
    if study is not None:
        filters["study"] = {"study": str(study[0])}
        filters["study, label"] = {"study": str(study[0]), "label": "glioma"}
    cursor = encode_place(ScanSort.ID_DOWN, Place(deep))
    for (name, asked), (place, more) in product(filters.items(), {"": {}, ", deep": {"cursor": cursor}}.items()):
        yield _kind(f"search {name or 'all'}{place}", "/v1/scans", asked | more)
        if name in {"", "label", "needs_review", "confidence"}:
            yield _kind(f"search {name or 'all'}{place}, 200", "/v1/scans", asked | more | {"limit": str(LARGEST_PAGE)})


def _lists(connection: psycopg.Connection[Any], batches: Sequence[StoredBatch], which: str) -> Iterator[Kind]:
    sorts = [sort for sort in ScanSort if sort is not ScanSort.ID]
    filters: dict[str, dict[str, str]] = {"all": {}}
    for name, asked in (filters | _common_filters() | _batch_filters()).items():
        yield _kind_of_each(f"batch {which}: {name}", batches, lambda _, asked=asked: asked)
    for sort, limit in product(ScanSort, (None, LARGEST_PAGE)):
        more = {"limit": str(limit)} if limit else {}
        name = f"batch {which}: by {sort}{f', {limit}' if limit else ''}"
        yield _kind_of_each(name, batches, lambda _, sort=sort, more=more: {"sort": sort.value} | more)
        places = {batch.id: encode_place(sort, _middle(connection, batch.id, sort)) for batch in batches}
        yield _kind_of_each(
            f"{name}, deep",
            batches,
            lambda batch, sort=sort, more=more, places=places: {"sort": sort.value, "cursor": places[batch.id]} | more,
        )
    for sort in sorts:
        for name in ("label", "needs_review", "state rejected", "filename"):
            asked = (_common_filters() | _batch_filters())[name]
            yield _kind_of_each(
                f"batch {which}: {name} by {sort}",
                batches,
                lambda _, asked=asked, sort=sort: asked | {"sort": sort.value},
            )


def _others(connection: psycopg.Connection[Any], batches: Sequence[StoredBatch]) -> Iterator[Kind]:
    middle, largest = batches[len(batches) // 2], max(batches, key=lambda batch: batch.scans)
    scan_id = _one(connection, "SELECT id FROM scans WHERE batch_id = %s LIMIT 1", [middle.id])
    yield Kind("one scan", Group.OTHER, [f"/v1/scans/{scan_id}"])
    for name, asked in {
        "batches": {},
        "batches, deep": {"cursor": encode_cursor(middle.id)},
        "batches, 200": {"limit": str(LARGEST_PAGE)},
        "batches, search": {"search": "WARD 3"},
        "batches, search rare": {"search": "week 1"},
        "batches, search none": {"search": "nothing of the kind"},
        "batches, search id": {"search": str(middle.id)},
    }.items():
        yield Kind(name, Group.OTHER, [_path("/v1/batches", asked)])
    yield Kind(f"summary of {largest.scans:,}", Group.OTHER, [f"/v1/batches/{largest.id}/summary"])
    volumes = [batch for batch in batches if batch.volumes][-3:]
    if volumes:
        yield Kind("studies of a batch", Group.OTHER, [f"/v1/batches/{batch.id}/studies" for batch in volumes])
        study = _one(connection, "SELECT id FROM studies WHERE batch_id = %s LIMIT 1", [volumes[0].id])
        yield Kind("a study of 100 slices", Group.OTHER, [f"/v1/studies/{study}"])


def _common_filters() -> dict[str, dict[str, str]]:
    states = {f"state {state}": {"state": state} for state in _STATES}
    return states | {
        "label": {"label": "glioma"},
        "needs_review": {"needs_review": "true"},
        "sure": {"needs_review": "false"},
        "confidence": {"min_confidence": "0.6", "max_confidence": "0.65"},
        "confidence low": {"max_confidence": "0.36"},
        "confidence high": {"min_confidence": "0.9"},
        "corrected": {"corrected": "true"},
        "not corrected": {"corrected": "false"},
        "label, needs_review": {"label": "pituitary", "needs_review": "true"},
        "label, confidence": {"label": "meningioma", "max_confidence": "0.37"},
        "label, sure": {"label": "meningioma", "needs_review": "false"},
        "needs_review, sure of it": {"needs_review": "true", "min_confidence": "0.999"},
        "sure, unsure of it": {"needs_review": "false", "max_confidence": "0.5"},
        "state failed, label": {"state": "failed", "label": "glioma"},
        "state succeeded, label": {"state": "succeeded", "label": "glioma"},
        "corrected, label": {"corrected": "true", "label": "pituitary"},
        "corrected, needs_review": {"corrected": "true", "needs_review": "true"},
        "corrected, state failed": {"corrected": "true", "state": "failed"},
    }


def _batch_filters() -> dict[str, dict[str, str]]:
    return {
        "filename": {"filename": "AXIAL-03"},
        "filename rare": {"filename": "patient-0007/axial-007"},
        "filename none": {"filename": "nothing of the kind"},
        "code": {"code": "truncated_image"},
        "code, state": {"code": "timed_out", "state": "failed"},
        "review_reason": {"review_reason": "unlike_training_data"},
        "review_reason, label": {"review_reason": "low_confidence", "label": "pituitary"},
        "filename, label": {"filename": "axial", "label": "pituitary"},
    }


def _middle(connection: psycopg.Connection[Any], batch_id: UUID, sort: ScanSort) -> Place:
    """The place at two fifths of a batch's scans."""
    rows = connection.execute(_PLACES, [batch_id]).fetchall()
    by = {"confidence": 1, "filename": 2}.get(sort.removeprefix("-"), 0)
    ordered = sorted((row for row in rows if row[by] is not None), key=lambda row: row[by], reverse=sort.down)
    scan_id, confidence, _ = ordered[len(ordered) * 2 // 5]
    return Place(scan_id, confidence if sort.by_confidence else None)


def _one(connection: psycopg.Connection[Any], query: str, values: Sequence[object]) -> UUID:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def _kind(name: str, path: str, asked: Mapping[str, str]) -> Kind:
    return Kind(name, Group.SCANS, [_path(path, asked)])


def _kind_of_each(name: str, batches: Sequence[StoredBatch], asked: Any) -> Kind:
    return Kind(name, Group.SCANS, [_path(f"/v1/batches/{b.id}/scans", asked(b)) for b in batches])


def _path(path: str, asked: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path
