"""Lists longer than is drawn at once: turned over like pages, and read on to a scan far down."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.browser import Watched
from tests.e2e.page.batches import picture, submit
from tests.e2e.running import Running


@pytest.fixture(scope="module")
def batch(service: Running) -> str:
    """One brain at the beginning and 1,249 files that are no pictures."""
    broken = {f"{at:04d}.png": b"none" for at in range(1, 1250)}
    return submit(service, {"0000.png": picture(1), **broken})


def test_a_scan_far_down_is_reached_and_the_list_turned_over_like_pages(
    seen: Watched, service: Running, batch: str
) -> None:
    page = seen.page
    last = list(service.client.scans(batch))[-1]
    page.goto(f"{service.url}/batches/{batch}#scan={last['id']}")
    expect(page.locator("#scan-place")).to_have_text("1250 of 1250 shown")
    page.keyboard.press("Escape")
    expect(page.locator("#shown")).to_have_text("Scans 1,201 to 1,250 shown")
    expect(page.locator("#grid > .card")).to_have_count(50)
    expect(page.locator(f"#grid a[data-scan='{last['id']}']")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#shown")).to_have_text("Scans 1 to 600 shown")
    expect(page.locator("#grid > .card .name").first).to_have_text("0000.png")
    page.locator("#more").click()
    expect(page.locator("#shown")).to_have_text("Scans 601 to 1,200 shown")
    expect(page.locator("#grid > .card .name").first).to_have_text("0600.png")
    page.locator("#before").click()
    expect(page.locator("#shown")).to_have_text("Scans 1 to 600 shown")


def test_reading_on_to_a_scan_ends_where_other_scans_are_asked_for(seen: Watched, service: Running, batch: str) -> None:
    """Else the list of before and that of now would both be read on, and hold scans twice."""
    page = seen.page
    (scan,) = service.client.scans(batch, filename="0700.png")
    held: list[Route] = []
    page.route(re.compile("/scans\\?.*cursor="), lambda route: held.append(route), times=2)
    page.goto(f"{service.url}/batches/{batch}")
    expect(page.locator("#grid > .card")).to_have_count(60)
    with page.expect_request(re.compile("/scans\\?.*cursor=")):
        page.evaluate(f"location.hash = 'scan={scan['id']}'")
    page.keyboard.press("Escape")
    page.get_by_label("Sort").select_option("-filename")
    expect(page.locator("#grid > .card .name").first).to_have_text("1249.png")
    with page.expect_request(re.compile("/scans\\?.*sort=-filename.*cursor=")):
        page.evaluate(f"location.hash = 'scan={scan['id']}'")
    for route in held:
        route.continue_()
    expect(page.locator("#scan-place")).to_have_text("550 of 660+ shown")
