"""The API of the published images through their nginx."""

import httpx
import pytest

from tests.served.site import Served
from tests.waiting import wait_until

SECRET_HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy")


def test_nothing_without_the_token(site: Served) -> None:
    """A stranger reads and writes nothing, and sees no metrics."""
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as stranger:
        assert stranger.get("/api/documents").status_code == 401
        assert stranger.post("/api/documents", json={"title": "t", "text": "t"}).status_code == 401
        assert stranger.get("/metrics").status_code == 404
        # On a busy machine a part may answer its first question too late.
        wait_until(lambda: stranger.get("/health").json()["state"] == "ok", "all is well")


def test_a_document_is_added_found_cited_and_deleted(site: Served) -> None:
    """From the text to the citation, and gone afterwards."""
    with site.client() as client:
        added = client.post(
            "/api/documents", json={"title": "Tides", "text": "The moon pulls the water of the sea."}
        )
        assert added.status_code == 201
        asked = client.post("/api/query", json={"question": "What pulls the water?", "session_id": "tides"})
        assert "Tides" in [one["title"] for one in asked.json()["citations"]]
        assert client.get("/api/sessions/tides").json()["turns"]
        assert client.delete(f"/api/documents/{added.json()['id']}").status_code == 204
        assert client.get(f"/api/documents/{added.json()['id']}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/documents/x", "/assets/none.js", "/api/documents", "/health"])
def test_each_place_has_the_security_headers(site: Served, path: str) -> None:
    """Whatever the status."""
    answer = httpx.get(f"{site.url}{path}", trust_env=False)
    for name in SECRET_HEADERS:
        assert answer.headers.get_list(name), f"{name} of {path}"
