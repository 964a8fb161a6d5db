"""Tests of a stack that a pipeline has started; elsewhere there is none, and nothing here is collected."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.tabs import watched
from tests.served.site import SITE, Served, served

collect_ignore_glob = [] if os.environ.get(SITE) else ["test_*.py"]


@pytest.fixture(scope="session")
def site() -> Served:
    """Return the stack."""
    return served()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium; a machine without one fails, since the browser run is a gate."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    """Open a tab that is signed in; the test fails when a script throws or the policy blocks anything."""
    with browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(20_000)
        page = context.new_page()
        wrong = watched(page)
        page.goto("/status")
        page.get_by_label("Token").fill(site.token)
        page.get_by_label("Token").press("Enter")
        expect(page.get_by_role("button", name="Sign out").first).to_be_visible()
        yield page
        assert wrong == []
