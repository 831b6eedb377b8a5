"""From dropped files to an export, by keyboard alone."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from neurobatch.phantoms import draw_head
from tests.drawn_dicom import draw_dicom
from tests.e2e.browser import Watched
from tests.e2e.page.batches import picture
from tests.e2e.running import Running


def archive(seeds: range) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for seed in seeds:
            packed.writestr(f"ward/{seed}.png", picture(seed))
    return out.getvalue()


def photo() -> bytes:
    """A landscape, in colour."""
    rows, columns = np.mgrid[0:240, 0:320]
    out = io.BytesIO()
    Image.fromarray(np.stack([columns * 0.7, rows, 255 - rows], axis=-1).astype(np.uint8)).save(out, "JPEG")
    return out.getvalue()


def sixty_files() -> dict[str, bytes]:
    """PNG, JPEG, DICOM, one ZIP, two broken, one photo."""
    files = {f"png-{seed:02d}.png": picture(seed) for seed in range(28)}
    files |= {f"jpeg-{seed:02d}.jpg": picture(seed, "JPEG") for seed in range(28, 48)}
    files |= {f"dicom-{seed:02d}.dcm": draw_dicom(draw_head(seed)) for seed in range(48, 56)}
    files |= {"ward.zip": archive(range(56, 60)), "photo.jpg": photo()}
    files |= {"broken.png": b"\x89PNG\r\n\x1a\nthis is no image", "<i>cut.jpg": picture(1, "JPEG")[:900]}
    return files


def test_sixty_mixed_files_from_drop_to_export_by_keyboard(seen: Watched, service: Running) -> None:
    page, keyboard = seen.page, seen.page.keyboard
    files = sixty_files()
    assert len(files) == 60
    page.goto(service.url)
    seen.drop(files)
    expect(page.locator("#staged-sum")).to_contain_text("60 files")
    assert seen.focused() == "Start batch"
    seen.assert_accessible()
    keyboard.press("Enter")

    page.wait_for_url("**/batches/*")
    expect(page.locator("#progress")).to_contain_text("Completed with exceptions")
    batch = page.url.rpartition("/")[2]
    counts = service.client.batch(batch)["counts"]
    assert (counts["succeeded"], counts["rejected"]) == (60, 3)
    expect(page.locator(".counts")).to_contain_text("60 succeeded")
    expect(page.locator("#shown")).to_contain_text("scans shown")
    seen.assert_accessible()

    doubtful = list(service.client.scans(batch, needs_review=True))
    assert doubtful, "no scan asks for a review: this test shows nothing"
    keyboard.press("r")
    expect(page).to_have_url(re.compile(r"\?show=review$"))
    expect(page.locator("#grid > .card")).to_have_count(min(60, len(doubtful)))
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.locator("#viewer")).to_be_visible()
    expect(page.locator("#scan-name")).to_have_text(doubtful[0]["filename"])
    expect(page.locator("#reasons")).to_contain_text("Needs review")
    assert page.locator(".share").count() == 4

    seen.tab_to("Between scan and heatmap")
    page.wait_for_timeout(300)
    before = page.locator("#heat").evaluate("heat => heat.style.opacity")
    for _ in range(3):
        keyboard.press("ArrowRight")
    after = page.locator("#heat").evaluate("heat => heat.style.opacity")
    assert float(after) == pytest.approx(float(before) + 0.15)
    coloured = page.locator("#heat").evaluate(
        "heat => heat.width > 1 && heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data.some(Boolean)"
    )
    assert coloured, "no heatmap was drawn"
    seen.assert_accessible()

    other = "pituitary" if doubtful[0]["label"] != "pituitary" else "glioma"
    keyboard.press("p" if other == "pituitary" else "1")
    expect(page.locator("#correction-state")).to_contain_text("Changed to")
    stored = httpx.get(f"{service.url}/v1/scans/{doubtful[0]['id']}").json()
    assert stored["label"] == doubtful[0]["label"]
    assert stored["correction"]["label"] == other

    keyboard.press("Tab")
    keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(f"#grid a[data-scan='{doubtful[0]['id']}']")).to_be_focused()
    for _ in range(60):
        keyboard.press("Shift+Tab")
        if seen.focused() == "Export CSV":
            break
    with page.expect_download() as downloading:
        keyboard.press("Enter")
    rows = list(csv.DictReader(Path(downloading.value.path()).read_text().splitlines()))
    assert len(rows) == 63
    assert [row["corrected_label"] for row in rows if row["id"] == doubtful[0]["id"]] == [other]
