"""A real browser and the built page. Where either is missing, these tests say so loudly, and fail in CI."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import chromium_running, profile
from tests.browser.site import PAGE, Site, site_running
from tests.browser.tabs import opened
from tests.unchecked import CI, not_checked


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
    with chromium_running(chromium) as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Open a browser profile of its own, as wide as a laptop."""
    with profile(browser, site.url, patience_s=15) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a tab; the test fails when a script throws or the policy blocks anything."""
    with opened(context) as page:
        yield page
