"""What tests do in a tab, and what must never happen in one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

NOT_MODELLED = "No model server is configured: the passages themselves are quoted."


@contextmanager
def opened(context: BrowserContext) -> Iterator[Page]:
    """Open a tab; fail at the end when a script has thrown or the policy has blocked anything."""
    page = context.new_page()
    wrong = _watched(page)
    yield page
    assert wrong == []


def sign_in(page: Page, token: str) -> None:
    """Go to the page and show the token."""
    page.goto("/status")
    page.get_by_label("Token").fill(token)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("button", name="Sign out").first).to_be_visible()


def ask(page: Page, question: str) -> None:
    """Type a question and press Enter."""
    box = page.get_by_role("textbox", name=re.compile("^Ask"))
    box.fill(question)
    box.press("Enter")


def _watched(page: Page) -> list[str]:
    """Return a list that fills when a script throws or the policy blocks something."""
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", note)
    return wrong
