"""Production on its one port: nobody without the token, one set of headers, workers that agree."""

import asyncio
import http.client
import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.app.load import Load
from tests.stack.engine import Engine
from tests.stack.whole import Whole, end_worker, whole_stack
from tests.waiting import wait_until

CLIENTS = 200
WITHOUT = {("POST", "/api/login"), ("GET", "/api/login")}
HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
)


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


def test_without_the_token_nothing_is_read_or_written(stranger: httpx.Client) -> None:
    """Every operation that the API describes, but the sign-in itself."""
    described = stranger.get("/api/openapi.json").json()["paths"]
    asked = [
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if path.startswith("/api/") and (method.upper(), path) not in WITHOUT
    ]
    assert len(asked) >= 10
    for method, path in asked:
        answer = stranger.request(method, path.replace("{document_id}", "x").replace("{session_id}", "x"))
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["error"]["hint"]
    assert stranger.get("/health").json() == {"state": "ok", "dependencies": [], "collections": []}


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


@pytest.mark.parametrize(
    "path",
    ["/", "/documents/x", "/assets/none.js", "/robots.txt", "/api/documents", "/health", "/metrics", "/ws"],
)
def test_headers_of_every_place(stranger: httpx.Client, path: str) -> None:
    """Each of them once, whatever the status."""
    answer = stranger.get(path)
    for name in HEADERS:
        assert len(answer.headers.get_list(name)) == 1, (path, name)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["server"] == "nginx"


def test_four_workers_agree_after_writes(site: Whole) -> None:
    """Whoever is asked on a new connection knows what was just written."""
    for number in range(5):
        added = site.add(f"Agreed {number}", f"It was agreed {number} times.")
        for _ in range(12):
            answer = httpx.get(f"{site.url}/api/documents/{added}", headers=site.headers, trust_env=False)
            assert answer.status_code == 200


def test_a_worker_is_replaced_without_a_loss(site: Whole) -> None:
    """Hundreds of clients on loopback through nginx, one worker told to end: every request is answered."""
    added = site.add("Kept", "Kept under load.")
    load = Load(site.made.ports["SYNAPSE_PORT"], f"/api/documents/{added}", site.headers, CLIENTS, 0.5)

    async def replace() -> None:
        await asyncio.sleep(1)  # the load is up
        gone = end_worker(site.made)
        await asyncio.to_thread(wait_until, lambda: not _runs(gone), "the worker has ended")
        await asyncio.sleep(1)  # its successor takes its part

    seen = asyncio.run(load.during(replace))
    assert seen.dropped == []
    assert set(seen.answers) == {200}
    assert seen.answers[200] > CLIENTS


@pytest.mark.parametrize("way", ["SIGKILL", "SIGSTOP"])
def test_nginx_comes_back(site: Whole, way: str) -> None:
    """Killed or hung, all of it: a new start of its container, and the page is served again."""
    made, name = site.made, "synapse_frontend"
    # A check that was never good since the start is patient.
    wait_until(lambda: made.healthy(name), "it is healthy", 120)
    first = made.started(name)
    for pid in made.pids(name):
        with suppress(ProcessLookupError):  # it may end with the one before
            os.kill(pid, signal.Signals[way])
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


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
