"""A real browser and the built page. Where either is missing, these tests say so loudly, and fail in CI."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.site import PAGE, Site, site_running
from tests.browser.tabs import watched
from tests.unchecked import CI, not_checked

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        not_checked("the page in a browser: no Chromium on this machine; `apt-get install chromium`", CI)
    return str(found)


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the folder of the built page."""
    if not (PAGE / "dist" / "index.html").exists():
        not_checked("the page in a browser: the page is not built; `make page`", CI)
    return PAGE / "dist"


@pytest.fixture(scope="session")
def site(built: Path, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a site without model servers."""
    with site_running(tmp_path_factory.mktemp("site")) as running:
        yield running


# Not for the whole session: while it runs, its event loop counts as this thread's.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Run Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Open a browser profile of its own, as wide as a laptop."""
    with browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(15_000)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a tab; the test fails when a script throws or the policy blocks anything."""
    page = context.new_page()
    wrong = watched(page)
    yield page
    assert wrong == []
