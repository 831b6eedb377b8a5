"""A real browser over a real service with a real worker, one of each for all of these tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.conftest import missing
from tests.e2e.browser import CHROMIUM, Watched, chromium, watch
from tests.e2e.running import Running, running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if sys.platform != "linux":
        pytest.skip("drives Debian's Chromium")
    if CHROMIUM is None:
        missing("Chromium (Debian: apt-get install chromium)")
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
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
