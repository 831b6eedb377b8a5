"""Draws the pictures of docs/page.md from a real run, of drawn phantoms alone.

python docs/images/page/draw.py, with Chromium installed
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from neurobatch.phantoms import write_demo_scans
from tests.e2e.browser import chromium, watch
from tests.e2e.running import Running, running

_HERE = Path(__file__).resolve().parent


def draw() -> None:
    """Submit the demo's scans twice and take a picture of each screen."""
    with tempfile.TemporaryDirectory(prefix="neurobatch-page-") as folder:
        scans = Path(folder, "scans")
        scans.mkdir()
        write_demo_scans(scans)
        with running(Path(folder, "data")) as service, chromium() as browser:
            for name in ("pilot, scanner A", "trial 7, week 3"):
                batch = service.client.wait(service.client.submit([scans], name=name)["id"])
            _draw_screens(watch(browser, service.url, width=1280, height=800).page, service, batch["id"])


def _draw_screens(page: Page, service: Running, batch: str) -> None:
    page.goto(service.url)
    page.locator(".batch-row a").first.wait_for()
    _keep(page, "history")
    page.goto(f"{service.url}/batches/{batch}?picture=overlay")
    page.locator("#grid img").first.wait_for()
    page.wait_for_load_state("networkidle")
    _keep(page, "batch")
    doubtful = next(iter(service.client.scans(batch, needs_review=True)))
    page.goto(f"{service.url}/batches/{batch}?show=review#scan={doubtful['id']}")
    page.locator(".share").first.wait_for()
    page.wait_for_load_state("networkidle")
    _keep(page, "scan")


def _keep(page: Page, name: str) -> None:
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(_HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    draw()
