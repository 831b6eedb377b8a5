"""A volume's slices and a study's report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from neurobatch.phantoms import draw_head
from tests.drawn_dicom import draw_dicom
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.e2e.browser import Watched
from tests.e2e.page.batches import submit
from tests.e2e.running import Running


def test_the_slices_of_a_volume_are_found_in_order_from_their_batch(seen: Watched, service: Running) -> None:
    batch = submit(service, {"head.nii.gz": draw_nifti(draw_head_volume())})
    seen.page.goto(f"{service.url}/batches/{batch}")
    seen.page.get_by_role("link", name="head.nii.gz · 6 slices").click()
    expect(seen.page.locator("#facts")).to_contain_text("NIfTI volume · 6 slices")
    expect(seen.page.locator("#slices .name")).to_have_text([f"Slice {at}" for at in range(1, 7)])
    expect(seen.page.locator("#report")).to_be_hidden()
    seen.assert_accessible()
    seen.page.locator("#slices a").nth(2).click()
    expect(seen.page.locator("#scan-name")).to_contain_text("head.nii.gz")


def test_a_dicom_studys_report_is_a_button(seen: Watched, service: Running) -> None:
    frames = np.stack([draw_head(at) for at in range(3)])
    batch = submit(service, {"three.dcm": draw_dicom(frames, BurnedInAnnotation="YES")})
    seen.page.goto(f"{service.url}/batches/{batch}")
    seen.page.locator("#grid a").first.click()
    expect(seen.page.locator("#reasons")).to_contain_text("Text is burnt into the picture")
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("link", name="three.dcm · 3 slices").click()
    with seen.page.expect_download() as downloading:
        seen.page.get_by_role("link", name="Report as DICOM").click()
    assert Path(downloading.value.path()).read_bytes()[128:132] == b"DICM"
