"""The screen of webhooks."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.browser import Watched
from tests.e2e.running import Running


def test_webhooks_are_added_and_sent_again(seen: Watched, service: Running) -> None:
    page = seen.page
    page.goto(f"{service.url}/webhooks")
    page.get_by_label("Address").fill("ftp://127.0.0.1/")
    page.keyboard.press("Enter")
    expect(page.locator("#add-problem")).not_to_be_empty()
    seen.wrong.clear()  # the browser notes the refusal
    page.get_by_label("Address").fill("http://127.0.0.1:1/told")
    page.keyboard.press("Enter")
    expect(page.locator("#secret code")).to_contain_text("whsec_")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".deliveries tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#notices")).to_contain_text("sent again")
    seen.assert_accessible()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#webhooks")).to_contain_text("No webhooks yet")
