"""The page's client is made from what the application says of itself."""

from tests.openapi import DESCRIPTION, described


def test_the_page_knows_this_api() -> None:
    """`frontend/openapi.json` is what the application says; after a change: `make client`."""
    assert DESCRIPTION.read_text() == described(), "The API has changed: run `make client`."
