"""Production on its one port: nobody without the token, one set of headers, back after each kill."""

import http.client
import json
import re
import signal
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.nginx.answers import ask
from tests.nginx.configuration import chosen, locations
from tests.nginx.headers import check
from tests.stack.engine import Engine
from tests.stack.forged import forged, signed_in
from tests.stack.whole import Whole, whole_stack
from tests.waiting import wait_until

WITHOUT = {("POST", "/api/login"), ("GET", "/api/login")}
SECRET_WORD = "quinquereme"
"""Only the documents and the session hold it."""
BODIES = {
    "/api/documents": {"title": "Forced in", "text": "It should not be here."},
    "/api/search": {"text": SECRET_WORD},
    "/api/query": {"question": f"Where is the {SECRET_WORD}?", "session_id": "kept"},
    "/api/query/stream": {"question": f"Where is the {SECRET_WORD}?", "session_id": "kept"},
}
"""What is sent to those that want something."""
FORGED = tuple(forged("whatever the token is"))
PLACES = {
    "= /api/query/stream": {"/api/query/stream": 401},
    "= /api/documents/files": {"/api/documents/files": 401},
    "= /api/login": {"/api/login": 200},
    "^~ /api/": {"/api/documents": 401, "/api/nothing": 401},
    "= /ws": {"/ws": 401},
    "= /health": {"/health": 200},
    "~* ^/(?:metrics|health|ws|api)(?:/|$)": {"/metrics": 404, "/health/": 404},
    "^~ /assets/": {"/assets/none.js": 404},
    "~ ^/[^/]+\\.[A-Za-z0-9]+$": {"/robots.txt": 200, "/none.ico": 404},
    "/": {"/": 200, "/documents/x": 200},
    "@problem": {"/.env": 404},
    "= /problem": {"/problem": 404},
}
"""What is asked for of each location without the token, and the status with which it is answered."""


@pytest.fixture(scope="module")
def site(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run production."""
    with whole_stack(docker, tmp_path_factory.mktemp("production")) as running:
        yield running


@pytest.fixture
def stranger(site: Whole) -> Iterator[httpx.Client]:
    """Return a client without the token."""
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
        yield client


@pytest.mark.parametrize("shown", ["nothing", *FORGED])
def test_without_the_token_nothing_is_read_or_written(
    stranger: httpx.Client, site: Whole, shown: str
) -> None:
    """Every operation that the API describes, on what is there, but the sign-in itself."""
    kept = site.add("Kept", f"It is here before and after, {SECRET_WORD}.")
    site.ask("kept", f"What is here, {SECRET_WORD}?")
    held = _held(site)
    headers = forged(site.made.token).get(shown, {})
    # From the page itself, so that nothing but what is shown can be the reason.
    headers |= {"Origin": site.url}
    for method, path, body in _operations(stranger, document_id=kept, session_id="kept"):
        answer = stranger.request(method, path, json=body, headers=headers)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["error"]["hint"]
        assert SECRET_WORD not in answer.text
    report = stranger.get("/health", headers=headers).json()
    assert report == {"state": "ok", "dependencies": [], "collections": []}
    assert _held(site) == held


def _held(site: Whole) -> list[object]:
    """Return what the documents and the sessions are."""
    with site.client() as client:
        asked = [
            client.get(path).raise_for_status() for path in ("/api/documents?limit=100", "/api/sessions")
        ]
    return [answer.json() for answer in asked]


@pytest.mark.parametrize("shown", ["bearer", "cookie"])
def test_with_the_token_or_its_cookie_all_of_it_is(stranger: httpx.Client, site: Whole, shown: str) -> None:
    """What is refused above is taken then, so that it was refused for what was shown alone."""
    kept = site.add("Let in", f"It is here, {SECRET_WORD}.")
    session = f"let-in-{shown}"
    site.ask(session, "What is here?")
    headers = site.headers if shown == "bearer" else signed_in(site.made.token)
    headers |= {"Origin": site.url}
    for method, path, body in _operations(stranger, document_id=kept, session_id=session):
        files = {"files": ("a.txt", b"A file.")} if path.endswith("/files") else None
        answer = stranger.request(method, path, json=None if files else body, files=files, headers=headers)
        assert answer.is_success, (method, path, answer.text)


def _operations(
    stranger: httpx.Client, *, document_id: str, session_id: str
) -> list[tuple[str, str, dict[str, str] | None]]:
    """Return method, path and body of all that the API describes, what deletes last."""
    described = stranger.get("/api/openapi.json").json()["paths"]
    asked = [
        (method.upper(), path.format(document_id=document_id, session_id=session_id), BODIES.get(path))
        for path, methods in described.items()
        for method in methods
        if path.startswith("/api/") and (method.upper(), path) not in WITHOUT
    ]
    assert len(asked) >= 10
    return sorted(asked, key=lambda one: one[0] == "DELETE")


@pytest.mark.parametrize("shown", ["nothing", *FORGED])
def test_nobody_listens_without_the_token(site: Whole, shown: str) -> None:
    """The first that is heard is that the connection is closed."""
    headers = forged(site.made.token).get(shown, {})
    with _listening(site, headers) as stranger, pytest.raises(ConnectionClosedError) as refused:
        stranger.recv(30)
    assert refused.value.rcvd
    assert refused.value.rcvd.code == CloseCode.POLICY_VIOLATION


@pytest.mark.parametrize("shown", ["bearer", "cookie"])
def test_events_are_told_to_who_shows_the_token_or_its_cookie(site: Whole, shown: str) -> None:
    """What is refused above is taken then."""
    headers = site.headers if shown == "bearer" else signed_in(site.made.token)
    with _listening(site, headers) as told:
        assert json.loads(told.recv(30))["kind"] == "hello"


def _listening(site: Whole, headers: dict[str, str]) -> ClientConnection:
    """Open the websocket as the page does."""
    place = f"ws://127.0.0.1:{site.made.ports['SYNAPSE_PORT']}/ws"
    return connect(place, proxy=None, additional_headers=headers, origin=Origin(site.url))


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/api/../metrics", "/%6detrics", "/Metrics"])
def test_metrics_are_not_there(site: Whole, path: str) -> None:
    """By no spelling; it is sent as it is, which clients for people would tidy up first."""
    connection = http.client.HTTPConnection("127.0.0.1", site.made.ports["SYNAPSE_PORT"], timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in {400, 404}
    assert b"synapse_" not in answer.read()
    connection.close()


def test_another_page_and_another_name_are_refused(stranger: httpx.Client, site: Whole) -> None:
    """A form of another site with our cookie, and a name that was bound to this address."""
    assert stranger.post("/api/login", json={"token": site.made.token}).status_code == 204
    text = {"title": "t", "text": "t"}
    assert stranger.post("/api/documents", json=text, headers={"Origin": site.url}).status_code == 201
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        assert stranger.post("/api/documents", json=text, headers=headers).status_code == 403, headers
    rebound = stranger.get("/api/documents", headers={"Host": "evil.example"})
    assert rebound.status_code == 421


def test_no_location_is_forgotten() -> None:
    """One that is added to nginx's configuration needs a line in PLACES, with paths that are its own."""
    assert PLACES.keys() == locations()
    for location, paths in PLACES.items():
        for path in paths:
            # A named location is where nginx itself sends what it refuses.
            assert location.startswith("@") or chosen(path) == location, path


@pytest.mark.parametrize("location", PLACES)
def test_headers_of_every_place(site: Whole, location: str) -> None:
    """Each of them once and with its value, whatever the status."""
    for path, status in PLACES[location].items():
        answer = ask(site.made.ports["SYNAPSE_PORT"], path)
        assert answer.status == status, path
        check(answer)


@pytest.mark.parametrize(
    ("path", "status"), [("/api/query/stream", 405), ("/api/nothing", 404), ("/ws", 404)]
)
def test_headers_of_what_is_refused_to_its_owner(site: Whole, path: str, status: int) -> None:
    """With the token it is said what is wrong, under the same headers."""
    answer = ask(site.made.ports["SYNAPSE_PORT"], path, headers=site.headers)
    assert answer.status == status
    check(answer)


def test_headers_of_what_the_page_loads(site: Whole) -> None:
    """Each asset that the page names."""
    port = site.made.ports["SYNAPSE_PORT"]
    named = re.findall(rb'(?:src|href)="(/assets/[^"]+)"', ask(port, "/").body)
    assert len(named) >= 2
    for path in named:
        answer = ask(port, path.decode())
        assert answer.status == 200
        check(answer)


@pytest.mark.parametrize(("path", "size"), [("/api/query", 1_200_000), ("/api/documents/files", 60_000_000)])
def test_too_much_is_refused_in_words(site: Whole, path: str, size: int) -> None:
    """By its length alone, before it is sent: with the headers of all answers, and what to do."""
    headers = {**site.headers, "Content-Type": "application/json", "Content-Length": str(size)}
    answer = ask(site.made.ports["SYNAPSE_PORT"], path, "POST", headers=headers)
    assert answer.status == 413
    check(answer)
    assert answer.problem()["hint"]


@pytest.mark.parametrize("way", ["SIGKILL", "SIGSTOP"])
def test_nginx_comes_back(site: Whole, way: str) -> None:
    """Killed or hung, all of it: a new start of its container, and the page is served again."""
    made, name = site.made, "synapse_frontend"
    # A check that was never good since the start is patient.
    wait_until(lambda: made.healthy(name), "it is healthy", 120)
    first = made.started(name)
    made.strike(name, signal.Signals[way])
    wait_until(lambda: made.started(name) != first, "it is started again", 120)
    wait_until(lambda: _page(site), "the page is served again", 120)


def test_a_restarted_backend_is_found_again(site: Whole) -> None:
    """Its container has a new process then, perhaps a new address: nginx needs nothing for it."""
    wait_until(lambda: _page(site), "the page is served", 120)
    site.made.compose("restart", "backend")
    wait_until(lambda: _status(site, "/health") == 200, "it is back")
    assert httpx.get(f"{site.url}/api/documents", headers=site.headers, trust_env=False).status_code == 200


def _page(site: Whole) -> bool:
    return _status(site, "/") == 200


def _status(site: Whole, path: str) -> int:
    try:
        return httpx.get(f"{site.url}{path}", trust_env=False, timeout=10).status_code
    except httpx.HTTPError:
        return 0
