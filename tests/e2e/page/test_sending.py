"""Files are chosen, told of and sent."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Request, Route, expect

from tests.e2e.browser import Watched, watch
from tests.e2e.page.batches import picture
from tests.e2e.running import Running


def test_limits_and_hidden_files_are_told_before_anything_is_sent(
    seen: Watched, service: Running, tmp_path: Path
) -> None:
    folder = tmp_path / "ward"
    (folder / "inner").mkdir(parents=True)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "inner" / "a.png").write_bytes(picture(7))
    with (folder / "huge.dcm").open("wb") as huge:
        huge.truncate(65 * 1024 * 1024)
    page = seen.page
    page.goto(service.url)
    with page.expect_file_chooser() as choosing:
        seen.tab_to("Choose a folder")
        page.keyboard.press("Enter")
    choosing.value.set_files(folder)
    expect(page.locator("#staged-warnings")).to_contain_text("1 hidden file is left out (.DS_Store)")
    expect(page.locator("#staged-warnings")).to_contain_text("ward/huge.dcm. Too large: a file may hold 64 MiB")
    expect(page.get_by_role("button", name="Start batch")).to_be_disabled()
    page.get_by_role("button", name="Leave out 1 file").click()
    page.get_by_role("button", name="Start batch").click()
    page.wait_for_url("**/batches/*")
    expect(page.locator("#grid .name")).to_have_text(["ward/inner/a.png"])


def test_sending_that_is_stopped_while_it_waits_sends_no_more(browser: Browser, service: Running) -> None:
    watched = watch(browser, service.url)
    page = watched.page
    asked: list[Request] = []

    def busy(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        asked.append(route.request)
        return route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "Busy."})

    page.route(f"{service.url}/v1/batches", busy)
    page.goto(service.url)
    watched.drop({"a.png": picture(1)})
    with page.expect_response(lambda answer: answer.status == 503):
        page.locator("#start").click()
    page.get_by_role("button", name="Stop sending").click()
    page.wait_for_timeout(2500)
    assert len(asked) == 1
    watched.drop({"b.png": picture(2)})
    expect(page.locator("#start")).to_be_enabled()
    expect(page.get_by_role("button", name="Discard")).to_be_visible()
    expect(page.locator("#add-more")).to_be_visible()
    assert not page.locator("#batch-name").evaluate("field => field.readOnly")
    page.context.close()


def test_two_files_of_one_name_are_both_sent_and_one_chosen_twice_once(seen: Watched, service: Running) -> None:
    page = seen.page
    page.goto(service.url)
    alike = [{"name": "IM1.png", "mimeType": "image/png", "buffer": picture(seed)} for seed in (1, 2)]
    for file in alike:
        page.locator("#files").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("#staged-sum")).to_contain_text("2 files")
    page.locator("#start").click()
    page.wait_for_url("**/batches/*")
    expect(page.locator("#grid > .card")).to_have_count(2)
