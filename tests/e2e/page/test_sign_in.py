"""Signing in where keys are required."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.browser import watch
from tests.e2e.page.batches import picture
from tests.e2e.test_access import gunicorn, make_key


def test_where_keys_are_required_it_asks_once(browser: Browser, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with gunicorn(tmp_path, NEUROBATCH_REQUIRE_KEYS="1") as url:
        seen = watch(browser, url)
        page = seen.page
        page.goto(url)
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type(key + "0")
        page.keyboard.press("Enter")
        expect(page.locator("#key-error")).to_contain_text("no key that holds")
        seen.wrong.clear()  # the browser notes every 401
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in")).to_be_hidden()
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert key not in cookie["value"]
        seen.drop({"a.png": picture(1), "b.png": picture(2)})
        with page.expect_request(lambda asked: asked.method == "POST") as posting:
            page.get_by_role("button", name="Start batch").click()
        assert posting.value.headers["x-csrf-token"]
        page.wait_for_url("**/batches/*")
        expect(page.locator("#grid > .card a")).to_have_count(2)
        page.get_by_role("button", name="Cancel batch").click()
        page.get_by_role("button", name="Cancel the batch").click()
        expect(page.locator("#progress")).to_contain_text("Cancelled")
        assert page.locator("#sign-in").is_hidden()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_focused()
        assert seen.wrong == []
