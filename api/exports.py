"""A batch's whole table as CSV or JSON lines, streamed: its size costs no memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from pydantic_core import to_json
from sqlalchemy import Engine

from api.scan_filters import ScanFilter
from api.scan_queries import stream_scans
from api.schemas.scans import ScanDocument, scan_document, scan_members
from shared.domain import TumorClass

CSV_COLUMNS = (
    *("id", "batch_id", "study_id", "slice_index", "filename", "frame", "state", "code", "message"),
    *("warnings", "attempts"),
    *("label", *(f"probability_{label}" for label in TumorClass), "confidence", "needs_review", "review_reasons"),
    *("heatmap_path", "overlay_path", "focus_x", "focus_y", "model", "created_at", "started_at", "ended_at"),
    *("corrected_label", "correction_note"),
)
# A spreadsheet would run a cell that begins so as a formula; some take the full-width signs, too.
_FORMULA_SIGNS = "=+-@＝＋－＠"
_FORMULA_STARTS = (*_FORMULA_SIGNS, "\t", "\r", "\n")
# One whose list separator is no comma begins a cell behind its own, and heeds no quotation marks before it.
_FORMULA_WITHIN = re.compile(rf"(?<=[;\t\r\n])(?=\"*[{re.escape(_FORMULA_SIGNS)}])")


def results_jsonl(engine: Engine, wanted: ScanFilter, may_go_on: Callable[[], bool]) -> Iterator[str]:
    """One scan document a line. Breaks off when it may not go on, as it does when a key is revoked."""
    for scan in stream_scans(engine, wanted, may_go_on=may_go_on):
        yield to_json(scan_members(scan)).decode() + "\n"


def results_csv(engine: Engine, wanted: ScanFilter, may_go_on: Callable[[], bool]) -> Iterator[str]:
    """A header, then one scan a row (RFC 4180). Breaks off as the lines of JSON do."""
    yield _csv_line(CSV_COLUMNS)
    for scan in stream_scans(engine, wanted, may_go_on=may_go_on):
        yield _csv_line(_row(scan_document(scan)))


def _row(scan: ScanDocument) -> list[object]:
    members = scan.model_dump(mode="json")
    probabilities, focus = members["probabilities"] or {}, members["focus"] or {}
    members |= {f"probability_{label}": probabilities.get(label) for label in TumorClass}
    members |= {"focus_x": focus.get("x"), "focus_y": focus.get("y"), "attempts": len(scan.attempts)}
    correction = members["correction"] or {}
    members |= {"corrected_label": correction.get("label"), "correction_note": correction.get("note")}
    members["warnings"] = " ".join(scan.warnings)
    members["review_reasons"] = " ".join(scan.review_reasons or ())
    return [_harmless(members[column]) for column in CSV_COLUMNS]


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    within = _FORMULA_WITHIN.sub("'", value)
    return "'" + within if value.startswith(_FORMULA_STARTS) else within


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
