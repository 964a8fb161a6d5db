"""What tests do in a tab, and what must never happen in one."""

import re

from playwright.sync_api import ConsoleMessage, Page

NOT_MODELLED = "No model server is configured: the passages themselves are quoted."


def watched(page: Page) -> list[str]:
    """Return a list that fills when a script throws or the policy blocks something."""
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", note)
    return wrong


def ask(page: Page, question: str) -> None:
    """Type a question and press Enter."""
    box = page.get_by_role("textbox", name=re.compile("^Ask"))
    box.fill(question)
    box.press("Enter")
