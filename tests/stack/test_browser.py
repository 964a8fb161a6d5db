"""The page in a real browser through the stack's nginx: the same tests as without containers, and sign-in."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.tabs import watched
from tests.browser.test_asking import (
    test_a_conversation_survives_a_reload_and_is_gone_on_with,
    test_an_answer_opens_its_passage_in_its_document,
)
from tests.browser.test_documents import (
    test_a_text_is_added_listed_and_deleted,
    test_good_files_are_stored_and_each_bad_one_says_why,
)
from tests.browser.test_service import (
    test_a_lost_backend_is_told_of_and_so_is_its_return,
    test_health_names_every_part,
    test_while_a_restore_is_under_way_nothing_can_be_written,
)
from tests.stack.engine import Engine
from tests.stack.whole import Whole, whole_stack

__all__ = [
    "test_a_conversation_survives_a_reload_and_is_gone_on_with",
    "test_a_lost_backend_is_told_of_and_so_is_its_return",
    "test_a_text_is_added_listed_and_deleted",
    "test_an_answer_opens_its_passage_in_its_document",
    "test_good_files_are_stored_and_each_bad_one_says_why",
    "test_health_names_every_part",
    "test_while_a_restore_is_under_way_nothing_can_be_written",
]


@pytest.fixture(scope="module")
def site(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run production."""
    if shutil.which("chromium") is None:
        pytest.skip("NOT CHECKED in a browser: no Chromium on this machine")
    with whole_stack(docker, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Whole) -> Iterator[Browser]:
    """Run Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def stranger(browser: Browser, site: Whole) -> Iterator[BrowserContext]:
    """Open a browser profile that has not signed in."""
    with browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def page(stranger: BrowserContext, site: Whole) -> Iterator[Page]:
    """Open a tab that is signed in; the test fails when a script throws or the policy blocks anything."""
    page = stranger.new_page()
    wrong = watched(page)
    sign_in(page, site)
    yield page
    assert wrong == []


def sign_in(page: Page, site: Whole) -> None:
    """Go to the page and show the token."""
    page.goto("/status")
    page.get_by_label("Token").fill(site.made.token)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("button", name="Sign out").first).to_be_visible()


def test_a_stranger_sees_nothing(stranger: BrowserContext, site: Whole) -> None:
    """Before the sign-in and after the sign-out no document is shown."""
    site.add("Hidden", "What is hidden.")
    page = stranger.new_page()
    page.goto("/documents")
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_text("Hidden")).to_have_count(0)
    sign_in(page, site)
    page.goto("/documents")
    expect(page.get_by_role("link", name="Hidden").first).to_be_visible()
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_text("Hidden")).to_have_count(0)
