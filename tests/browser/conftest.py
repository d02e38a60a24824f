import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.stack.running import Stack

# A whole stack, the other test worker and the browser share two cores.
expect.set_options(timeout=15_000)
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium: the one that `make test` found, or one on the PATH.

    It ends with its module: while it is there an event loop runs in this thread, and Django lets nobody near the
    database.
    """
    path = os.environ.get("WILDMIND_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("NO BROWSER: no Chromium on the PATH and none named by WILDMIND_BROWSER.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page that must stay clean: no console error, no failed script, no request to another host."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._request)
        self._home = stack.url

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not _is_own(request.url, self._home):
            self.faults.append(f"foreign: {request.url}")


def _is_own(url: str, home: str) -> bool:
    return url.startswith((home, home.replace("http", "ws", 1), "data:", "blob:", "about:"))


@pytest.fixture
def context(chromium: Browser, stack: Stack) -> Iterator[BrowserContext]:
    made = chromium.new_context(base_url=stack.url, viewport={"width": 1440, "height": 900}, color_scheme="dark")
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def watched(context: BrowserContext, stack: Stack) -> Iterator[Watched]:
    """A page; the test fails when anything on it complained."""
    found = Watched(context.new_page(), stack)
    yield found
    assert found.faults == []
