"""The map of a large picture as a NumPy file: made while it is sent, so that many who read slowly fill no memory."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.artifacts import LocalArtifactStore
from shared.heatmaps import Frame, lay_out
from shared.settings import Settings
from tests.integration.submissions import finish, submit, upload
from tests.integration.test_api import scans_of

MIB = 1024 * 1024
SIDE = 3000
GRID = np.random.default_rng(0).random((7, 7), np.float32)


@pytest.fixture
def path(client: FlaskClient, engine: Engine, settings: Settings) -> str:
    """Of the map of a picture of `SIDE` pixels."""
    (scan,) = scans_of(client, submit(client, upload()))
    encoded = io.BytesIO()
    np.save(encoded, GRID)
    LocalArtifactStore(settings.data_dir).write("artifacts/b/g", encoded.getvalue())
    finish(engine, [UUID(scan["id"])], grid_path="artifacts/b/g", width=SIDE, height=SIDE, frame_side=float(SIDE))
    return f"/v1/scans/{scan['id']}/heatmap.npy"


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """The largest number of bytes that were held at once, in the list after the block."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def test_a_large_map_is_sent_in_strips(client: FlaskClient, path: str) -> None:
    with most_memory() as held, client.get(path) as answer:
        pieces = sum(len(piece) for piece in answer.response)
    assert pieces == answer.content_length == 128 + 4 * SIDE * SIDE
    assert held[0] < 8 * MIB


def test_the_strips_are_one_file(client: FlaskClient, path: str) -> None:
    found = np.load(io.BytesIO(client.get(path).data))
    assert found.dtype == np.float32
    assert np.allclose(found, lay_out(GRID, frame=Frame(0, 0, SIDE), width=SIDE, height=SIDE), atol=1e-6)


def test_it_has_an_etag_like_every_picture(client: FlaskClient, path: str) -> None:
    first = client.head(path)
    assert (first.content_length, first.cache_control.immutable) == (128 + 4 * SIDE * SIDE, True)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
