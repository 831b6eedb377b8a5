"""A real Chromium that looks at the page as a person's does, and tells what should never happen there."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and what went wrong on it; requests to anywhere but `url` are among that."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note_complaint)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda asked: self._note_outside(asked.url))

    def _note_complaint(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self.wrong.append(said.text)

    def _note_outside(self, address: str) -> None:
        if not address.startswith((self.url + "/", "data:", "blob:")):
            self.wrong.append(f"asked {address}")

    def assert_accessible(self) -> None:
        """Axe finds nothing that it calls serious or critical; of minor things it finds, the test tells."""
        found = Axe().run(self.page, options=_RULES).response["violations"]
        grave = [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
        assert not grave, "\n".join(grave)

    def drop(self, files: Mapping[str, bytes]) -> None:
        """Drop files on the page, as a file manager would."""
        encoded = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
        transfer = self.page.evaluate_handle(
            """files => {
                const transfer = new DataTransfer();
                for (const [name, data] of files) {
                    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                    transfer.items.add(new File([bytes], name));
                }
                return transfer;
            }""",
            encoded,
        )
        self.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})

    def focused(self) -> str:
        """The accessible name, or text, of what has the focus."""
        text: str = self.page.evaluate(
            "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
        )
        return text

    def tab_to(self, text: str, *, within: int = 60) -> None:
        """Press Tab until what begins with `text` has the focus."""
        seen = []
        for _ in range(within):
            self.page.keyboard.press("Tab")
            seen.append(self.focused())
            if seen[-1].startswith(text):
                return
        raise AssertionError(f"Tab does not come to {text!r}, but to {seen}")


def watch(browser: Browser, url: str, *, width: int = 1440, height: int = 900) -> Watched:
    """A fresh page, of nobody who was here before."""
    page = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    return Watched(page, url)
