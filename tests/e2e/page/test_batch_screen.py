"""The screen of a batch: its grid, its filters, what it can do."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import httpx
from playwright.sync_api import APIResponse, Route, expect

from tests.e2e.browser import Watched
from tests.e2e.page.batches import picture, submit
from tests.e2e.running import Running


def test_keys_pressed_while_filtered_scans_come_are_meant_for_those(seen: Watched, service: Running) -> None:
    batch = submit(service, {"a.png": b"none", "b.png": picture(1)})
    page = seen.page
    page.goto(f"{service.url}/batches/{batch}")
    expect(page.locator("#grid > .card")).to_have_count(2)
    held: list[Route] = []
    page.route(re.compile("needs_review=true"), lambda route: held.append(route))
    with page.expect_request(re.compile("needs_review=true")):
        page.keyboard.press("r")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    (asked,) = held
    asked.continue_()
    expect(page.locator("#scan-name")).to_have_text("b.png")


def test_what_a_file_is_called_is_text(seen: Watched, service: Running) -> None:
    batch = submit(service, {"<img src=x onerror=alert(1)>.png": picture(3), "b.png": b"none"})
    seen.page.goto(f"{service.url}/batches/{batch}")
    expect(seen.page.locator("#grid > .card .name").first).to_have_text("<img src=x onerror=alert(1)>.png")


def test_a_reload_shows_the_same_and_a_scan_has_an_address(seen: Watched, service: Running) -> None:
    batch = submit(service, {f"{seed}.png": picture(seed) for seed in range(4)}, name="reloaded")
    page = seen.page
    page.goto(f"{service.url}/batches/{batch}")
    page.get_by_label("Sort").select_option("-filename")
    page.get_by_label("Search file names").fill(".PNG")
    expect(page).to_have_url(re.compile("filename=.PNG.*sort=-filename"))
    page.reload()
    expect(page.locator("#grid .name")).to_have_text(["3.png", "2.png", "1.png", "0.png"])
    (scan, *_) = service.client.scans(batch)
    page.goto(f"{service.url}/scans/{scan['id']}")
    expect(page.locator("#scan-name")).to_have_text(scan["filename"])
    page.keyboard.press("ArrowRight")
    expect(page.locator("#scan-name")).to_have_text("1.png")
    page.reload()
    expect(page.locator("#scan-name")).to_have_text("1.png")
    page.get_by_role("button", name="Confirm the model's answer").click()
    expect(page.locator("#correction-state")).to_contain_text("Confirmed")
    page.get_by_role("button", name="Take back").click()
    expect(page.locator("#correction-state")).to_contain_text("Not read yet")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page).to_have_url(f"{service.url}/")
    page.get_by_label("Search batches").fill("reloaded")
    expect(page.locator("#batches")).to_contain_text("Nothing is called")


def test_what_ended_while_the_scans_were_read_is_shown_in_the_end(seen: Watched, service: Running) -> None:
    page = seen.page
    reads: list[tuple[Route, APIResponse]] = []

    def hold_the_second(route: Route) -> None:
        answer = route.fetch()
        reads.append((route, answer))
        if len(reads) != 2:
            route.fulfill(response=answer)

    page.route("**/scans?*", hold_the_second)
    for _ in range(5):  # a batch that was done before the page was there is read once, and says nothing
        reads.clear()
        form = [("files", (f"{seed}.png", picture(seed), "image/png")) for seed in range(40)]
        batch = httpx.post(f"{service.url}/v1/batches", files=form).raise_for_status().json()["id"]
        page.goto(f"{service.url}/batches/{batch}")
        expect(page.locator("#progress")).to_contain_text("Completed")
        if len(reads) > 1:
            break
    held, as_it_was = reads[1]
    held.fulfill(response=as_it_was)
    expect(page.locator("#grid > .card .percent")).to_have_count(40)


def test_what_failed_is_run_again_by_a_button_that_says_so(seen: Watched, service: Running) -> None:
    batch = submit(service, {"a.png": picture(5), "b.png": picture(6)})
    lost = service.data_dir / "uploads" / batch
    assert lost.is_dir()
    fail_one(service, batch)
    seen.page.goto(f"{service.url}/batches/{batch}")
    seen.page.get_by_role("button", name="Failed 1").click()
    expect(seen.page.locator("#grid > .card")).to_have_count(1)
    seen.page.locator("#grid a").click()
    expect(seen.page.locator("#reasons")).to_contain_text("Failed: The process died each time it tried")
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("button", name="Run 1 failed scan again").click()
    seen.page.get_by_role("button", name="All 2").click()
    expect(seen.page.locator("#progress")).to_contain_text("2 succeeded")
    expect(seen.page.get_by_role("button", name="again")).to_be_hidden()


def fail_one(service: Running, batch: str) -> None:
    """As if a scan had killed its process each time; the service itself does that to no scan of ours."""
    with closing(sqlite3.connect(service.data_dir / "neurobatch.db", timeout=30)) as database, database:
        (scan,) = database.execute("SELECT id FROM scans WHERE filename = 'b.png' ORDER BY id DESC LIMIT 1").fetchone()
        database.execute("DELETE FROM predictions WHERE scan_id = ?", (scan,))
        database.execute(
            "UPDATE scans SET state = 'failed', code = 'worker_lost', message = 'the worker died' WHERE id = ?", (scan,)
        )
