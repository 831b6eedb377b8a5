"""A reader's labels and notes go to the scan they are meant for."""

from __future__ import annotations

from playwright.sync_api import Browser, Route, expect

from tests.e2e.browser import watch
from tests.e2e.page.batches import picture, submit
from tests.e2e.running import Running


def test_a_label_that_was_not_saved_is_told_of_the_scan_it_was_meant_for(browser: Browser, service: Running) -> None:
    """Not of the one that is on screen by the time of the answer; nor is the next label given to the first."""
    batch = submit(service, {"a.png": picture(1), "b.png": picture(2)})
    first, second = [scan["id"] for scan in service.client.scans(batch)]
    page = watch(browser, service.url).page
    page.goto(f"{service.url}/batches/{batch}#scan={first}")
    expect(page.locator("#scan-place")).to_have_text("1 of 2 shown")
    held: list[Route] = []
    page.route(f"**/v1/scans/{first}/correction", lambda route: held.append(route))
    with page.expect_request("**/correction"):
        page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#scan-name")).to_have_text("b.png")
    held[0].fulfill(status=503, json={"detail": "Busy."})
    expect(page.get_by_text("The label of a.png was not saved. Busy.")).to_be_visible()
    expect(page.locator("#scan-name")).to_have_text("b.png")
    with page.expect_response("**/correction") as answered:
        page.keyboard.press("2")
    assert second in answered.value.url
    page.context.close()


def test_a_note_is_kept_where_taking_it_back_fails(browser: Browser, service: Running) -> None:
    batch = submit(service, {"a.png": picture(1)})
    (scan,) = service.client.scans(batch)
    page = watch(browser, service.url).page
    page.goto(f"{service.url}/batches/{batch}#scan={scan['id']}")
    page.locator("#note").fill("seen twice")
    page.get_by_role("button", name="Confirm the model's answer").click()
    expect(page.locator("#correction-state")).to_contain_text("Confirmed")
    page.route("**/correction", lambda route: route.fulfill(status=503, json={"detail": "Busy."}))
    page.locator("#take-back").click()
    expect(page.locator("#correction-problem")).to_have_text("Not saved. Busy.")
    assert page.locator("#note").input_value() == "seen twice"
    page.context.close()
