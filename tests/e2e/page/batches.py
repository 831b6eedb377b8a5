"""Batches as a person sends them, from drawn scans."""

from __future__ import annotations

import io

import httpx
from PIL import Image

from neurobatch.phantoms import draw_head
from tests.e2e.running import Running


def picture(seed: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(draw_head(seed, mass=seed % 2 == 0)).save(out, kind)
    return out.getvalue()


def submit(service: Running, files: dict[str, bytes], **options: str) -> str:
    """A batch that has ended."""
    form = [("files", (name, data, "application/octet-stream")) for name, data in files.items()]
    answer = httpx.post(f"{service.url}/v1/batches", files=form, data=options)
    batch: str = answer.raise_for_status().json()["id"]
    service.client.wait(batch)
    return batch
