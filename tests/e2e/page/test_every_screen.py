"""What holds on every screen: it fits, it is accessible, its keys are the guide's, it waits for the service."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT
from tests.e2e.browser import Watched, watch
from tests.e2e.page.batches import picture, submit
from tests.e2e.running import Running

GUIDE = ROOT / "docs" / "page.md"


@pytest.mark.parametrize("width", [390, 720])
def test_every_screen_fits_a_phone_and_a_page_at_twice_its_size(browser: Browser, service: Running, width: int) -> None:
    batch = submit(service, {"a-rather-long-file-name-of-a-scan-in-some-folder.png": picture(9), "b.png": b"none"})
    seen = watch(browser, service.url, width=width, height=844 if width == 390 else 450)
    (scan, *_) = service.client.scans(batch)
    ready = {"/": ".batch-row a", f"/batches/{batch}": "#grid a", f"/scans/{scan['id']}": ".share", "/model": ".tile"}
    for path, shown in ready.items():
        seen.page.goto(service.url + path)
        seen.page.locator(shown).first.wait_for()
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        expect(seen.page.locator(".bottom >> visible=true").last).to_contain_text("Not a medical device")
        seen.assert_accessible()
    seen.page.get_by_role("button", name="Switch to light colours").click()
    seen.assert_accessible()
    assert seen.wrong == []


def test_the_keys_of_the_guide_are_those_of_the_screens(seen: Watched, service: Running) -> None:
    (table,) = re.findall(r"^\| key \| does \|\n(.*?)\n\n", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    documented = {key for row in table.splitlines()[1:] for key in re.findall("`([^`]+)`", row.split("|")[1])}
    batch = submit(service, {"a.png": picture(8)})
    listed: set[str] = set()
    for path, shown in (("/", ".batch-row a"), (f"/batches/{batch}", "#grid a")):
        seen.page.goto(service.url + path)
        seen.page.locator(shown).first.wait_for()
        seen.page.keyboard.press("?")
        expect(seen.page.locator("#keys")).to_be_visible()
        listed |= set(seen.page.locator("#key-list kbd").all_text_contents())
        seen.assert_accessible()
        seen.page.keyboard.press("Escape")
        expect(seen.page.locator("#keys")).to_be_hidden()
    assert documented - {"Home", "End"} <= listed
    assert {key for key in listed if key.isascii() and key.isalnum() and len(key) == 1} <= documented


def test_a_service_that_is_away_is_waited_for(browser: Browser, service: Running) -> None:
    batch = submit(service, {"a.png": picture(2)})
    seen = watch(browser, service.url)
    seen.page.goto(service.url)
    seen.page.locator(".batch-row a").first.wait_for()
    seen.page.context.set_offline(True)
    seen.page.get_by_label("Search batches").fill(batch[:8])
    expect(seen.page.locator("#unreachable")).to_contain_text("cannot be reached")
    seen.page.context.set_offline(False)
    expect(seen.page.locator("#unreachable")).to_be_hidden()
    expect(seen.page.locator(f'a[href="/batches/{batch}"]')).to_be_visible()
