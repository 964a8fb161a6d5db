"""The page in a real browser through the stack's nginx: as without containers, sign-in, parts that fail."""

import re
import shutil
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.browser.chromium import chromium_running, profile
from tests.browser.tabs import ask, opened, sign_in
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
from tests.stack.deployment import UNHURRIED
from tests.stack.engine import Engine
from tests.stack.whole import Whole, whole_stack
from tests.unchecked import not_checked

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
        not_checked("the page in a browser, no Chromium on this machine")
    with whole_stack(docker, tmp_path_factory.mktemp("browser"), UNHURRIED) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Whole) -> Iterator[Browser]:
    """Run Chromium."""
    with chromium_running(shutil.which("chromium")) as browser:
        yield browser


@pytest.fixture
def stranger(browser: Browser, site: Whole) -> Iterator[BrowserContext]:
    """Open a browser profile that has not signed in."""
    with profile(browser, site.url, patience_s=20) as context:
        yield context


@pytest.fixture
def page(stranger: BrowserContext, site: Whole) -> Iterator[Page]:
    """Open a tab that is signed in; the test fails when a script throws or the policy blocks anything."""
    with opened(stranger) as page:
        sign_in(page, site.made.token)
        yield page


def told(page: Page, words: str) -> None:
    """Wait until the banner says it: a look at the health every few seconds, and its time-out."""
    expect(page.get_by_role("status").get_by_text(words)).to_be_visible(timeout=15_000)


def well_again(page: Page) -> None:
    """Wait until there is no banner; a part that is started again may be told of in other words meanwhile."""
    expect(page.get_by_role("status").locator("strong")).to_have_count(0, timeout=120_000)


def test_the_page_says_what_a_lost_redis_takes_away(site: Whole, page: Page) -> None:
    """Killed: questions are answered and not kept, and it says so; back: all works again by itself."""
    site.add("Kelp", "Kelp grows half a metre a day.")
    page.goto("/")
    site.lose("redis")
    try:
        told(page, "Conversations are not kept now.")
        ask(page, "How fast does kelp grow?")
        expect(page.get_by_text("half a metre a day").first).to_be_visible(timeout=15_000)
        expect(page.get_by_text("this one is not kept")).to_be_visible()
        page.get_by_role("link", name="Details").click()
        expect(page.get_by_text("conversations and remembered answers are out of reach")).to_be_visible()
        expect(page.get_by_text("REDIS_HOST").first).to_be_visible()
    finally:
        site.start("redis")
    well_again(page)
    expect(page.get_by_text("Every part works.")).to_be_visible()


def test_the_page_says_that_redis_hangs(site: Whole, page: Page) -> None:
    """Stopped: the words say that it does not answer, until it is started again."""
    site.hang("redis")
    told(page, "Conversations are not kept now.")
    expect(page.get_by_text(re.compile("no answer within|did not answer in time")).first).to_be_visible()
    well_again(page)
    expect(page.get_by_text("Every part works.")).to_be_visible()


def test_the_page_says_that_the_backend_hangs(site: Whole, page: Page) -> None:
    """Stopped: a question does not wait for ever; it can be asked again when the backend is back."""
    site.add("Moss", "Moss has no roots.")
    page.goto("/")
    site.hang("backend")
    ask(page, "What has moss?")
    told(page, "The backend does not answer.")
    expect(page.get_by_role("alert")).to_contain_text("The backend does not answer.", timeout=20_000)
    well_again(page)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text("Moss has no roots.").first).to_be_visible(timeout=15_000)


def test_a_page_opened_while_the_backend_hangs_is_whole_when_it_is_back(site: Whole, page: Page) -> None:
    """It is not blank: it says what is wrong, and shows what there is when the backend was started again."""
    site.add("Lichen", "Lichen is two.")
    site.hang("backend")
    page.goto("/documents")
    told(page, "The backend does not answer.")
    well_again(page)
    expect(page.get_by_role("link", name="Lichen").first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize("way", ["killed", "hung"])
def test_the_page_says_that_the_server_is_away(site: Whole, page: Page, way: str) -> None:
    """The open page goes on: it says so, shows pages not shown before, and comes back by itself."""
    page.goto("/")
    page.wait_for_load_state("networkidle")
    if way == "killed":
        site.lose("frontend")
    else:
        site.hang("frontend")
    told(page, "The server cannot be reached.")
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_text("Nothing answers at this address.")).to_be_visible()
    page.get_by_role("link", name="New question").click()
    ask(page, "Is anybody there?")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.", timeout=20_000)
    if way == "killed":
        site.start("frontend")
    well_again(page)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_file_beyond_the_limit_of_nginx_says_so(site: Whole, page: Page) -> None:
    """Refused before the backend hears of it, in words for whoever sends a file."""
    page.goto("/documents")
    huge = FilePayload(name="huge.txt", mimeType="text/plain", buffer=b"x" * 43_000_000)
    page.get_by_label("Files to add").set_input_files(files=[huge])
    uploads = page.get_by_role("region", name="Uploads")
    refused = uploads.get_by_text("This is larger than the server takes in one upload.")
    expect(refused).to_contain_text("Split the file", timeout=30_000)
    expect(refused).to_contain_text("uploads.conf")


def test_a_stranger_sees_nothing(stranger: BrowserContext, site: Whole) -> None:
    """Before the sign-in and after the sign-out no document is shown."""
    site.add("Hidden", "What is hidden.")
    page = stranger.new_page()
    page.goto("/documents")
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_text("Hidden")).to_have_count(0)
    sign_in(page, site.made.token)
    page.goto("/documents")
    expect(page.get_by_role("link", name="Hidden").first).to_be_visible()
    page.get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_text("Hidden")).to_have_count(0)


# The last one: for a minute nobody signs in from here.
def test_who_guesses_the_token_is_told_to_wait(site: Whole, stranger: BrowserContext) -> None:
    """The page says so in nginx's words; whoever is signed in does not notice."""
    page = stranger.new_page()
    page.goto("/")
    for _ in range(12):
        stranger.request.post("/api/login", data={"token": "guessed"})
    page.get_by_label("Token").fill("guessed again")
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Too many sign-ins were tried from this address.")
    documents = httpx.get(f"{site.url}/api/documents", headers=site.headers, trust_env=False)
    assert documents.status_code == 200
