"""The page for everybody: by keyboard alone, on a small phone, in the dark, and for who does not see it."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.site import PAGE, Site
from tests.browser.tabs import NOT_MODELLED, ask, opened

_FINDINGS = """
async () => (await axe.run({ resultTypes: ["violations"] })).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 120)).join(" | "))
"""


@pytest.fixture(scope="module")
def material(site: Site) -> dict[str, str]:
    """Fill the site; return the addresses of its screens."""
    document = site.add("A very long title " * 8, "Lines of text.\n\n" + "averyveryverylongword" * 20)
    site.ask("shown", "What are lines of text made of, and which of them are long?")
    return {
        "ask": "/",
        "conversation": "/ask/shown",
        "history": "/history",
        "documents": "/documents",
        "document": f"/documents/{document}?start=0&end=14",
        "health": "/status",
        "nothing": "/nowhere",
    }


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Literal["light", "dark"]:
    """Choose each colour scheme of the system."""
    return "dark" if request.param == "dark" else "light"


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[Page]:
    """Open a tab on the smallest phone."""
    size: ViewportSize = {"width": 360, "height": 640}
    with (
        browser.new_context(base_url=site.url, viewport=size, has_touch=True) as context,
        opened(context) as page,
    ):
        yield page


def _settled(page: Page) -> None:
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_text(re.compile("^Loading"))).to_have_count(0)


def test_nothing_serious_is_found_by_axe(
    browser: Browser, site: Site, material: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    """Every screen and every dialog, in both schemes; motion is off, so that colours are final."""
    source = (PAGE / "node_modules" / "axe-core" / "axe.min.js").read_text()
    found: dict[str, list[str]] = {}
    with browser.new_context(base_url=site.url, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()

        def look(name: str) -> None:
            page.evaluate(source)
            if findings := page.evaluate(_FINDINGS):
                found[name] = findings

        for name, address in material.items():
            page.goto(address)
            _settled(page)
            look(name)
        page.goto("/documents")
        page.get_by_role("button", name="Add a text").click()
        look("add a text")
        page.keyboard.press("Escape")
        page.get_by_role("button", name=re.compile("^Delete A very")).click()
        look("delete")
        page.goto("/ask/shown")
        page.locator("summary").click()
        page.get_by_role("link", name=re.compile("^Source 1")).click()
        expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
        look("cited passage")
        page.route("**/api/login", lambda route: route.fulfill(json={"required": True, "signed_in": False}))
        page.goto("/")
        expect(page.get_by_label("Token")).to_be_visible()
        look("sign in")
    assert found == {}


def test_a_phone_never_scrolls_sideways(phone: Page, material: dict[str, str]) -> None:
    """Every screen fits 360 px, long words and titles too, and every tab is reached by its thumb."""
    for name, address in material.items():
        phone.goto(address)
        _settled(phone)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360, name
    for tab in ("History", "Documents", "Health", "Ask"):
        phone.get_by_role("navigation", name="Pages").get_by_role("link", name=tab).click()
    ask(phone, "Does it work on a phone?")
    expect(phone.get_by_text(NOT_MODELLED)).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_alone_does_everything(site: Site, page: Page, material: dict[str, str]) -> None:
    """Skip link, slash, Enter; a dialog keeps the focus, closes on Escape and gives the focus back."""
    page.goto("/documents")
    _settled(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Upload files")).to_be_focused()
    page.keyboard.press("Tab")
    opener = page.get_by_role("button", name="Add a text")
    expect(opener).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a text")
    for _ in range(8):
        page.keyboard.press("Tab")
        outside = "!document.activeElement.closest('dialog') && document.activeElement !== document.body"
        assert not page.evaluate(outside)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()

    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Ask your documents")).to_be_focused()
    page.keyboard.type("First line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and second")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="First line and second")).to_be_visible()
    expect(page.get_by_text(NOT_MODELLED)).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").get_by_role("list")).to_be_visible()


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_the_theme_follows_the_system_until_chosen_and_is_remembered(page: Page) -> None:
    """Light and dark differ, a choice overrides the system, a reload keeps it, and it can be taken back."""
    page.emulate_media(color_scheme="light")
    page.goto("/")
    light = _background(page)
    page.emulate_media(color_scheme="dark")
    dark = _background(page)
    assert light != dark
    page.get_by_role("button", name=re.compile("^Theme: as the system")).last.click()
    assert _background(page) == light
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Theme: light")).last).to_be_visible()
    assert _background(page) == light
    page.get_by_role("button", name=re.compile("^Theme: light")).last.click()
    page.get_by_role("button", name=re.compile("^Theme: dark")).last.click()
    assert _background(page) == dark


def test_nothing_moves_for_who_wants_no_motion(page: Page) -> None:
    """With reduced motion every animation ends at once."""
    page.emulate_media(reduced_motion="reduce")
    page.goto("/documents")
    page.get_by_role("button", name="Add a text").click()
    duration = "getComputedStyle(document.querySelector('dialog')).animationDuration"
    assert float(str(page.evaluate(duration)).removesuffix("s")) < 0.001
