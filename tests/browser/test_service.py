"""The page while the service behind it goes away, comes back, is restored, or wants a token."""

import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.browser.site import Site, site_running
from tests.browser.tabs import NOT_MODELLED, ask, opened

UNREACHABLE = "The backend cannot be reached."


def test_a_lost_backend_is_told_of_and_so_is_its_return(site: Site, page: Page) -> None:
    """The banner comes on every page, a question fails with what to do, and all works again by itself."""
    site.add("Ships", "A ship that is lost may come back.")
    page.goto("/documents")
    expect(page.get_by_role("region", name="All documents")).to_be_visible()
    site.lose_backend()
    try:
        expect(page.get_by_text(UNREACHABLE).first).to_be_visible()
        page.get_by_role("link", name="New question").click()
        expect(page.get_by_text(UNREACHABLE).first).to_be_visible()
        ask(page, "What may come back?")
        # Through nginx it may be a time-out: nobody has the address of a container that is gone.
        expect(page.get_by_role("alert")).to_contain_text(re.compile("cannot be reached|not answer in time"))
    finally:
        site.bring_back()
    expect(page.get_by_role("status").get_by_text(UNREACHABLE)).to_have_count(0)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text(NOT_MODELLED)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_while_a_restore_is_under_way_nothing_can_be_written(site: Site, page: Page) -> None:
    """Each control that writes says why it does not; questions are answered; afterwards all is as before."""
    site.add("Locks", "A lock opens in the end.")
    page.goto("/documents")
    add = page.get_by_role("button", name="Add a text")
    expect(add).to_be_enabled()
    site.restoring(now=True)
    try:
        expect(page.get_by_text("A restore is under way.", exact=True)).to_be_visible()
        expect(add).to_have_attribute("aria-disabled", "true")
        expect(add).to_have_accessible_description(re.compile("restore is under way"))
        page.get_by_role("link", name="New question").click()
        ask(page, "What opens in the end?")
        expect(
            page.get_by_text("A restore is under way: this answer is not kept in its session.")
        ).to_be_visible()
    finally:
        site.restoring(now=False)
    expect(page.get_by_text("A restore is under way.", exact=True)).to_have_count(0)


def test_health_names_every_part(site: Site, page: Page) -> None:
    """The state, each part with since when, and what the collection holds."""
    page.goto("/status")
    expect(page.get_by_text("Every part works.")).to_be_visible()
    parts = page.get_by_role("region", name="Parts").get_by_role("listitem")
    expect(parts).to_have_count(3)
    expect(parts.get_by_text(re.compile("^Since"))).to_have_count(3)
    expect(page.get_by_role("region", name="Collections")).to_contain_text("wordllama")


def test_whoever_must_sign_in_does_so_and_is_where_they_wanted_to_go(site: Site, page: Page) -> None:
    """A backend that wants a token gets one; the wrong one is refused with a reason."""
    signed_in = False

    def answer(route: Route) -> None:
        nonlocal signed_in
        if route.request.method == "GET":
            route.fulfill(json={"required": True, "signed_in": signed_in})
        elif json.loads(route.request.post_data or "{}") == {"token": "right"}:
            signed_in = True
            route.fulfill(status=204)
        else:
            error = {"what": "The token is wrong.", "hint": "Look it up.", "request_id": ""}
            route.fulfill(status=401, json={"error": error})

    page.route("**/api/login", answer)
    page.goto("/status")
    token = page.get_by_label("Token")
    expect(token).to_be_focused()
    token.fill("wrong")
    token.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the token of this service.")
    token.fill("right")
    token.press("Enter")
    expect(page.get_by_text("Every part works.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out").first).to_be_visible()


def test_a_guarded_backend_lets_in_by_its_token_alone(browser: Browser, built: Path, tmp_path: Path) -> None:
    """With the real sign-in: nothing before it, everything after it, nothing after the sign-out."""
    token = "token-of-a-test-0123456789abcdef0123"
    with site_running(tmp_path, {"API_TOKEN": token}) as guarded:
        if httpx.get(f"{guarded.backend_url}/api/login", trust_env=False).status_code == 404:
            pytest.skip("this backend knows no sign-in")
        with browser.new_context(base_url=guarded.url) as context, opened(context) as page:
            page.goto("/documents")
            page.get_by_label("Token").fill(token)
            page.get_by_label("Token").press("Enter")
            expect(page.get_by_text("No documents yet")).to_be_visible()
            page.get_by_label("Files to add").set_input_files(
                files=[FilePayload(name="secret.txt", mimeType="text/plain", buffer=b"A secret.")]
            )
            expect(page.get_by_text("Stored: 1 passage")).to_be_visible()
            page.reload()
            expect(page.get_by_role("link", name="secret.txt")).to_be_visible()
            page.get_by_role("button", name="Sign out").first.click()
            expect(page.get_by_label("Token")).to_be_visible()
            expect(page.get_by_text("secret.txt")).to_have_count(0)
