"""The page: what is cached how long, what is compressed, and what is no file of the page."""

import gzip
import os

import pytest

from tests.nginx.front import Front
from tests.nginx.pages import INDEX, SCRIPT


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/documents", "/documents/a.txt", "/a/b/c?d=e", "/assets"]
)
def test_every_path_of_the_page_is_the_page(web: Front, path: str) -> None:
    """The page itself knows its paths; it is asked for again each time."""
    answer = web.ask(path)
    assert (answer.status, answer.body.decode()) == (200, INDEX)
    assert answer.one("Content-Type") == "text/html; charset=utf-8"
    assert answer.one("Cache-Control") == "no-cache"


def test_hashed_files_are_kept_for_a_year(web: Front) -> None:
    """Their content never changes under their name; a reload that asks anyway gets no body."""
    first = web.ask(SCRIPT)
    again = web.ask(SCRIPT, headers={"If-None-Match": first.one("ETag")})
    assert first.one("Content-Type") == "text/javascript; charset=utf-8"
    assert (first.status, again.status, again.body) == (200, 304, b"")
    for answer in (first, again):
        assert answer.one("Cache-Control") == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/assets/index-old.js", "/assets/", "/none.ico", "/robots.txt"])
def test_a_missing_file_is_404_and_not_the_page(web: Front, path: str) -> None:
    """Also in a browser that still shows the page of before; nobody keeps the refusal."""
    answer = web.ask(path)
    assert answer.status == 404
    assert answer.problem()["what"] == "There is nothing at this address."
    assert answer.one("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "path", ["/.env", "/.git/config", "/%2eenv", "/assets/.hidden.js", "/assets/../.env", "/x/.env", "/.none"]
)
def test_files_with_a_dot_are_not_there(web: Front, path: str) -> None:
    """Whether they exist or not."""
    assert web.ask(path).status == 404


def test_a_new_page_is_seen_at_once(web: Front) -> None:
    """Reproducible builds give each page the same time and size; only its bytes tell."""
    index = web.page / "index.html"
    before, time = web.ask("/"), index.stat().st_mtime
    try:
        index.write_text(INDEX.replace("B1c2D3e4", "Z1y2X3w4"))
        os.utime(index, (time, time))
        known = {"If-Modified-Since": before.one("Last-Modified"), "If-None-Match": "*"}
        after = web.ask("/", headers=known)
    finally:
        index.write_text(INDEX)
    assert after.status == 200
    assert b"Z1y2X3w4" in after.body


@pytest.mark.parametrize("path", [SCRIPT, "/assets/index-J9k0L1m2.css"])
def test_large_text_is_compressed(web: Front, path: str) -> None:
    """For who can read it; caches are told that there are two forms."""
    plain, packed = web.ask(path), web.ask(path, headers={"Accept-Encoding": "gzip"})
    assert packed.one("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.all("Content-Encoding") == []
    assert plain.one("Vary") == packed.one("Vary") == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/assets/small-F5g6H7i8.js", "/api/anything"])
def test_small_files_and_answers_of_the_api_are_not_compressed(web: Front, path: str) -> None:
    """A compressed length would tell of the documents that are in an answer."""
    answer = web.ask(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.all("Content-Encoding") == []
    if path.startswith("/api"):
        assert len(answer.body) > 1024
        assert "accept-encoding" not in dict(answer.json()["headers"])


def test_any_host_may_see_the_page(web: Front) -> None:
    """It is public, and nobody here knows its names."""
    assert web.ask("/", headers={"Host": "rebinding.example"}).status == 200


def test_a_page_that_is_not_there_is_404(web: Front) -> None:
    """Not a loop."""
    index = web.page / "index.html"
    index.unlink()
    try:
        answers = [web.ask(path) for path in ("/", "/documents")]
    finally:
        index.write_text(INDEX)
    assert [answer.status for answer in answers] == [404, 404]
