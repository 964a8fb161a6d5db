"""Asking in a real browser: answers, their passages, history, and an answer that is stopped."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.doubles import ModelServer, model_serving
from tests.browser.site import Site, site_running
from tests.browser.tabs import NOT_MODELLED, ask, opened

PARROTS = "𝄞 A prelude of no importance.\n\nThe Norwegian Blue is a parrot with beautiful plumage."


def test_an_answer_opens_its_passage_in_its_document(site: Site, page: Page) -> None:
    """Ask, read the quote and the note, open the citation: the very passage is marked."""
    site.add("Parrots of Norway", PARROTS)
    page.goto("/")
    ask(page, "What plumage has the Norwegian Blue?")

    expect(page.get_by_role("heading", name="What plumage has the Norwegian Blue?")).to_be_visible()
    expect(page.get_by_role("blockquote").first).to_contain_text("beautiful plumage")
    expect(page.get_by_text(NOT_MODELLED)).to_be_visible()
    page.get_by_role("link", name="Source 1: Parrots of Norway").click()
    dialog = page.get_by_role("dialog", name="Parrots of Norway")
    expect(dialog.locator("mark")).to_have_text(PARROTS)
    expect(dialog.locator("mark")).to_be_in_viewport()

    dialog.get_by_role("link", name="Open page").click()
    expect(page).to_have_url(re.compile(r"/documents/\w+\?start=0&end=\d+$"))
    expect(page.locator("main mark")).to_have_text(PARROTS)
    page.go_back()
    expect(page.get_by_role("blockquote").first).to_be_visible()


def test_a_conversation_survives_a_reload_and_is_gone_on_with(site: Site, page: Page) -> None:
    """The session is in the address; after a reload all its turns are there and the next is added."""
    site.add("Bananas", "A banana is yellow when it is ripe.")
    page.goto("/")
    ask(page, "What colour is a ripe banana?")
    expect(page.get_by_text(NOT_MODELLED)).to_be_visible()
    page.reload()
    expect(page.get_by_role("article")).to_have_count(1)
    ask(page, "And before?")
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_text(NOT_MODELLED)).to_be_visible()
    page.reload()
    questions = page.get_by_role("article").get_by_role("heading")
    expect(questions).to_have_text(["What colour is a ripe banana?", "And before?"])


def test_history_lists_opens_and_deletes(site: Site, page: Page) -> None:
    """Sessions are named by their first question; a deleted one is gone from list and address."""
    site.ask("kept", "Is this one kept?")
    site.ask("doomed", "Is this one doomed?")
    page.goto("/")
    history = page.get_by_role("region", name="Conversations")
    history.get_by_role("link", name="Is this one doomed?").click()
    expect(page).to_have_url(re.compile("/ask/doomed$"))
    history.get_by_role("link", name="Is this one doomed?").hover()
    history.get_by_role("button", name="Delete “Is this one doomed?”").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page).to_have_url(f"{site.url}/")
    expect(history.get_by_role("link", name="Is this one doomed?")).to_have_count(0)
    expect(history.get_by_role("link", name="Is this one kept?")).to_be_visible()
    page.goto("/ask/doomed")
    expect(page.get_by_text("Nothing is kept of this conversation")).to_be_visible()


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Run a model server whose behaviour a test chooses."""
    with model_serving() as server:
        yield server


@pytest.fixture(scope="module")
def written(
    model: ModelServer, chromium: str, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Run a site whose answers a model writes."""
    with site_running(tmp_path_factory.mktemp("written"), {"MODEL_PARROT_URL": model.url}) as running:
        running.add("Parrots", "The Norwegian Blue is blue.")
        yield running


@pytest.fixture
def tab(browser: Browser, written: Site) -> Iterator[Page]:
    """Open a tab of that site."""
    with browser.new_context(base_url=written.url) as context, opened(context) as page:
        yield page


def test_a_written_answer_cites_and_names_its_model(tab: Page) -> None:
    """The number in a model's text is a link to the passage."""
    tab.goto("/")
    ask(tab, "What colour is the parrot?")
    expect(tab.get_by_role("article")).to_contain_text("The parrot is blue 1.")
    expect(tab.get_by_text("Written by parrot")).to_be_visible()
    tab.get_by_role("link", name="Source 1: Parrots").click()
    expect(tab.get_by_role("dialog").locator("mark")).to_have_text("The Norwegian Blue is blue.")


def test_a_running_answer_is_stopped(tab: Page, model: ModelServer) -> None:
    """The text grows while it comes; Stop ends it here and on the model server, and says so."""
    model.mode = "endless"
    model.left.clear()
    tab.goto("/")
    ask(tab, "What will it say for ever?")
    expect(tab.get_by_role("article")).to_contain_text("and and and")
    tab.get_by_role("button", name="Stop the answer").click()
    expect(tab.get_by_text("You stopped this answer")).to_be_visible()
    assert model.left.wait(10)
    model.mode = "ok"
    tab.get_by_role("button", name="Ask again").click()
    expect(tab.get_by_text("Written by parrot")).to_be_visible()


def test_an_answer_goes_on_while_another_page_is_shown(tab: Page, model: ModelServer) -> None:
    """Leaving the page of a running answer does not end it."""
    model.mode = "endless"
    model.left.clear()
    tab.goto("/")
    ask(tab, "What will it say meanwhile?")
    expect(tab.get_by_role("article")).to_contain_text("and and")
    tab.get_by_role("link", name="Documents", exact=True).first.click()
    expect(tab.get_by_role("heading", name="Documents")).to_be_visible()
    tab.go_back()
    tab.get_by_role("button", name="Stop the answer").click()
    expect(tab.get_by_role("article")).to_contain_text("and and")
    assert model.left.wait(10)
    model.mode = "ok"
