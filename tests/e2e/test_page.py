"""The page as a person uses it, in a real browser, over a real service with a real worker."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, Request, Route, expect

from neurobatch.phantoms import draw_head
from tests.conftest import ROOT, missing
from tests.drawn_dicom import draw_dicom
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.e2e.browser import CHROMIUM, Watched, chromium, watch
from tests.e2e.running import Running, running
from tests.e2e.test_access import gunicorn, make_key

GUIDE = ROOT / "docs" / "page.md"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drives Debian's Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        missing("Chromium (Debian: apt-get install chromium)")
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("page"), NEUROBATCH_WEBHOOK_PRIVATE_TARGETS="1") as started:
        yield started


@pytest.fixture
def seen(browser: Browser, service: Running) -> Iterator[Watched]:
    """A fresh page; at the end nothing may have gone wrong on it."""
    watched = watch(browser, service.url)
    yield watched
    assert watched.wrong == []
    watched.page.context.close()


def picture(seed: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(draw_head(seed, mass=seed % 2 == 0)).save(out, kind)
    return out.getvalue()


def photo() -> bytes:
    """A landscape, in colour."""
    rows, columns = np.mgrid[0:240, 0:320]
    out = io.BytesIO()
    Image.fromarray(np.stack([columns * 0.7, rows, 255 - rows], axis=-1).astype(np.uint8)).save(out, "JPEG")
    return out.getvalue()


def archive(seeds: range) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for seed in seeds:
            packed.writestr(f"ward/{seed}.png", picture(seed))
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
    with sqlite3.connect(service.data_dir / "neurobatch.db", timeout=30) as database:
        (scan,) = database.execute("SELECT id FROM scans WHERE filename = 'b.png' ORDER BY id DESC LIMIT 1").fetchone()
        database.execute("DELETE FROM predictions WHERE scan_id = ?", (scan,))
        database.execute(
            "UPDATE scans SET state = 'failed', code = 'worker_lost', message = 'the worker died' WHERE id = ?", (scan,)
        )


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


def test_what_ended_while_the_scans_were_read_is_shown_in_the_end(seen: Watched, service: Running) -> None:
    form = [("files", (f"{seed}.png", picture(seed), "image/png")) for seed in range(40)]
    batch = httpx.post(f"{service.url}/v1/batches", files=form).raise_for_status().json()["id"]
    page = seen.page
    reads: list[tuple[Route, APIResponse]] = []

    def hold_the_second(route: Route) -> None:
        answer = route.fetch()
        reads.append((route, answer))
        if len(reads) != 2:
            route.fulfill(response=answer)

    page.route("**/scans?*", hold_the_second)
    page.goto(f"{service.url}/batches/{batch}")
    expect(page.locator("#progress")).to_contain_text("Completed")
    held, as_it_was = reads[1]
    held.fulfill(response=as_it_was)
    expect(page.locator("#grid > .card .percent")).to_have_count(40)


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


def test_the_keys_of_the_guide_are_those_of_the_screen(seen: Watched, service: Running) -> None:
    (table,) = re.findall(r"^\| key \| does \|\n(.*?)\n\n", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    documented = {key for row in table.splitlines()[1:] for key in re.findall("`([^`]+)`", row.split("|")[1])}
    seen.page.goto(f"{service.url}/batches/{submit(service, {'a.png': picture(8)})}")
    seen.page.locator("#grid a").wait_for()
    seen.page.keyboard.press("?")
    expect(seen.page.locator("#keys")).to_be_visible()
    listed = set(seen.page.locator("#key-list kbd").all_text_contents())
    assert documented - {"Home", "End"} <= listed
    seen.assert_accessible()
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator("#keys")).to_be_hidden()


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


def submit(service: Running, files: dict[str, bytes], **options: str) -> str:
    """A batch that has ended."""
    form = [("files", (name, data, "application/octet-stream")) for name, data in files.items()]
    answer = httpx.post(f"{service.url}/v1/batches", files=form, data=options)
    batch: str = answer.raise_for_status().json()["id"]
    service.client.wait(batch)
    return batch
