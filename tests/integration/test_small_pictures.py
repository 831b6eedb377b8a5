"""Pictures in the sizes of a grid."""

from __future__ import annotations

import io
from uuid import UUID

import numpy as np
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine

from shared.artifacts import LocalArtifactStore
from shared.settings import Settings
from tests.integration.submissions import finish, submit, upload
from tests.integration.test_api import assert_problem


def jpeg(width: int, height: int) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), (200, 40, 40), np.uint8)).save(encoded, "JPEG")
    return encoded.getvalue()


def test_pictures_are_made_smaller_and_never_larger(client: FlaskClient, engine: Engine, settings: Settings) -> None:
    location = submit(client, upload("a.png"), upload("b.png", b"x")).headers["Location"]
    ids = [UUID(scan["id"]) for scan in client.get(location + "/scans").get_json()["items"]]
    LocalArtifactStore(settings.data_dir).write("artifacts/b/o", jpeg(900, 600))
    finish(engine, ids[:1], overlay_path="artifacts/b/o")
    path = f"/v1/scans/{ids[0]}"
    for query, image_size, overlay_size in (
        ("", (256, 256), (900, 600)),
        ("?size=128", (128, 128), (128, 85)),
        ("?size=256", (256, 256), (256, 171)),
        ("?size=512", (256, 256), (512, 341)),
    ):
        image, overlay = client.get(f"{path}/image{query}"), client.get(f"{path}/overlay{query}")
        shown = Image.open(io.BytesIO(overlay.data))
        assert Image.open(io.BytesIO(image.data)).size == image_size, query
        assert shown.size == overlay_size, query
        assert np.abs(np.asarray(shown).astype(int) - (200, 40, 40)).max() < 12, "the colours stay"
        assert (image.mimetype, overlay.mimetype) == ("image/png", "image/jpeg")
        assert overlay.cache_control.max_age
        again = client.get(f"{path}/overlay{query}", headers={"If-None-Match": overlay.headers["ETag"]})
        assert again.status_code == 304
    for size in ("64", "0", "100000", "", "big"):
        assert_problem(client.get(f"{path}/overlay?size={size}"), 422, "invalid_request")
        assert_problem(client.get(f"{path}/image?size={size}"), 422, "invalid_request")
    assert_problem(client.get(f"/v1/scans/{ids[1]}/image?size=128"), 409, "no_image")
    assert_problem(client.get(f"/v1/scans/{ids[1]}/overlay?size=128"), 409, "not_ready")
