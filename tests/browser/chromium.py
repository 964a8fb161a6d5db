"""Chromium, and profiles in it that know nothing of each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
_EXPECTED_MS = 30_000
"""What is expected of a page may take so long: on a busy machine the library's five seconds are too few."""


@contextmanager
def chromium_running(executable: str | None, *more: str) -> Iterator[Browser]:
    """Run the Chromium that lies there, in a thread that has no event loop; `more` are further flags."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=_EXPECTED_MS)
        browser = playwright.chromium.launch(executable_path=executable, args=[*_FLAGS, *more])
        yield browser
        browser.close()


@contextmanager
def profile(browser: Browser, url: str, patience_s: float) -> Iterator[BrowserContext]:
    """Open a profile in which addresses begin with `url`, as wide as a laptop."""
    with browser.new_context(base_url=url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(patience_s * 1000)
        yield context
