"""Tests of a stack that a pipeline has started; elsewhere there is none, and nothing here is collected."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium_running, profile
from tests.browser.tabs import opened, sign_in
from tests.served.site import SITE, Served, served

collect_ignore_glob = [] if os.environ.get(SITE) else ["test_*.py"]


@pytest.fixture(scope="session")
def site() -> Served:
    """Return the stack."""
    return served()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium; a machine without one fails, since the browser run is a gate."""
    with chromium_running(shutil.which("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    """Open a tab that is signed in; the test fails when a script throws or the policy blocks anything."""
    with profile(browser, site.url, patience_s=20) as context, opened(context) as page:
        sign_in(page, site.token)
        yield page
