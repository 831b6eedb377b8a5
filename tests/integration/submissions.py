"""Submits drawn scans to the API and plays the worker on the rows, for tests about what happens around them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from neurobatch.phantoms import draw_head
from shared.clock import utc_now
from shared.db import queries, releases
from shared.db.queries import Outcome
from shared.db.releases import Fault
from shared.db.session import transaction
from shared.domain import ScanState, TumorClass
from shared.settings import Settings

File = tuple[io.BytesIO, str]
RESULT: dict[str, Any] = {
    "model": "m",
    "label": TumorClass.GLIOMA,
    "probabilities": {"glioma": 0.9, "meningioma": 0.1, "pituitary": 0.0, "notumor": 0.0},
    "confidence": 0.9,
    "needs_review": False,
    "review_reasons": [],
    "heatmap_path": "h",
    "grid_path": "g",
    "overlay_path": "o",
    "focus_x": 1,
    "focus_y": 2,
    "frame_x": 0.0,
    "frame_y": 0.0,
    "frame_side": 10.0,
    "width": 10,
    "height": 10,
    "timings": {},
}


def png(seed: int = 0) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(draw_head(seed)).save(encoded, "PNG")
    return encoded.getvalue()


def upload(name: str = "a.png", data: bytes | None = None) -> File:
    return io.BytesIO(png() if data is None else data), name


def submit(client: FlaskClient, *files: File, headers: dict[str, str] | None = None, **fields: str) -> TestResponse:
    return client.post("/v1/batches", data={"files": list(files), **fields}, headers=headers)


def submit_many(client: FlaskClient, count: int) -> tuple[str, list[UUID]]:
    """A batch of `count` tiny files; its path and its scans' ids in order."""
    location = submit(client, *(upload(f"{n:04}.png", b"x") for n in range(count))).headers["Location"]
    ids: list[UUID] = []
    cursor = ""
    while True:
        page = client.get(f"{location}/scans?limit=200{cursor}").get_json()
        ids += [UUID(scan["id"]) for scan in page["items"]]
        if page["next"] is None:
            return location, ids
        cursor = f"&cursor={page['next']}"


def finish(engine: Engine, ids: Sequence[UUID], state: ScanState = ScanState.SUCCEEDED, **result: Any) -> None:
    """Claim scans and bring them to an end, as a worker would."""
    with transaction(engine) as session:
        claimed = queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60)
        prediction = {**RESULT, **result} if state is ScanState.SUCCEEDED else None
        code = None if prediction else "because"
        queries.record(
            session, [Outcome(scan, state, code=code, prediction=prediction) for scan in claimed], now=utc_now()
        )


def break_down(engine: Engine, ids: Sequence[UUID]) -> None:
    """Claim scans one by one and give each back with a fault, as a worker would."""
    for scan_id in ids:
        with transaction(engine) as session:
            (claimed,) = queries.claim(session, [scan_id], worker="w", now=utc_now(), lease_s=60)
            releases.give_back(session, [Fault(claimed, "c", "m")], now=utc_now(), settings=Settings())
