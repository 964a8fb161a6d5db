"""Every answer carries the security headers once: of every location, of every status, whoever made it."""

import pytest

from tests.nginx.answers import ask_raw
from tests.nginx.configuration import locations
from tests.nginx.echo import Echo
from tests.nginx.front import Front
from tests.nginx.headers import check
from tests.nginx.pages import SCRIPT

SAMPLES = {
    "= /api/query/stream": [("POST", "/api/query/stream", 200)],
    "= /api/documents/files": [("POST", "/api/documents/files", 200)],
    "= /api/login": [("POST", "/api/login", 200), ("GET", "/api/login", 200)],
    "^~ /api/": [("GET", "/api/anything", 200), ("PUT", "/api/status/404", 404), ("GET", "/api", 301)],
    "= /ws": [("GET", "/ws", 200)],
    "= /health": [("GET", "/health", 200), ("HEAD", "/health", 200)],
    "~* ^/(?:metrics|health|ws|api)(?:/|$)": [("GET", "/metrics", 404), ("GET", "/health/", 404)],
    "^~ /assets/": [("GET", SCRIPT, 200), ("GET", "/assets/none.js", 404), ("POST", SCRIPT, 405)],
    "~ ^/[^/]+\\.[A-Za-z0-9]+$": [("GET", "/favicon.svg", 200), ("GET", "/none.ico", 404)],
    "/": [("GET", "/", 200), ("GET", "/documents", 200), ("HEAD", "/", 200), ("DELETE", "/", 405)],
    "@problem": [("FOO", "/", 405), ("TRACE", "/api/", 405), ("GET", "/.env", 404)],
    "= /problem": [("GET", "/problem", 404)],
}


def test_no_location_is_forgotten() -> None:
    """A new location needs samples here."""
    assert set(SAMPLES) == locations()


@pytest.mark.parametrize("location", SAMPLES)
def test_every_location_gives_the_headers(web: Front, backend: Echo, location: str) -> None:
    """In good answers and in bad ones; the backend sends its own, weaker ones, which go no further."""
    backend.go_on.set()
    for method, path, status in SAMPLES[location]:
        answer = web.ask(path, method, b"x" if method == "POST" else None)
        assert answer.status == status, (method, path)
        check(answer)


@pytest.mark.parametrize("status", [200, 201, 204, 302, 304, 401, 403, 404, 409, 413, 421, 422, 500, 503])
def test_every_status_of_the_backend_gets_the_headers(web: Front, status: int) -> None:
    """And goes through with its own body and words."""
    answer = web.ask(f"/api/status/{status}")
    check(answer)
    assert answer.status == status
    assert answer.one("Retry-After") == "77"
    if status not in {204, 304}:
        assert answer.json() == {"error": "mine"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413),
        (b"POST /api/documents/files HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n", 413),
    ],
)
def test_what_is_no_request_is_a_problem_with_the_headers(web: Front, request_: bytes, status: int) -> None:
    """It finds these before it has a location; the id in the answer is that of the log."""
    answer = ask_raw(web.port, request_)
    assert answer.status == status
    check(answer)
    assert answer.problem()["request_id"] == answer.one("X-Request-ID")
    assert answer.one("Cache-Control") == "no-store"


@pytest.mark.parametrize("target", [b"/", b"a:80", b"http://a/"])
def test_it_is_no_way_through(web: Front, target: bytes) -> None:
    """Older ones cannot read it, newer ones refuse it."""
    answer = ask_raw(web.port, b"CONNECT " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.status in {400, 405}
    check(answer)
    assert answer.problem()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/", "GET, HEAD"),
        ("FOO", "/api/documents", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("GET", "/api/status/405", "POST"),
    ],
)
def test_a_method_that_is_not_taken_is_told_which_are(
    web: Front, method: str, path: str, allowed: str
) -> None:
    """The backend's own list stands."""
    answer = web.ask(path, method)
    assert answer.status == 405
    assert answer.one("Allow") == allowed
