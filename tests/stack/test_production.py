"""Production on its one port: nobody without the token, one set of headers, workers that agree."""

import asyncio
import http.client
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode
from websockets.sync.client import connect

from tests.app.load import Load
from tests.nginx.answers import ask
from tests.nginx.headers import check
from tests.processes import children
from tests.stack.engine import Engine
from tests.stack.whole import Whole, end_worker, whole_stack
from tests.waiting import wait_until

CLIENTS = 200
WITHOUT = {("POST", "/api/login"), ("GET", "/api/login")}
WORKERS = 4
PLACES = {
    "/": 200,
    "/documents/x": 200,
    "/assets/none.js": 404,
    "/robots.txt": 200,
    "/api/documents": 401,
    "/api/query/stream": 401,
    "/api/documents/files": 401,
    "/api/login": 200,
    "/api/nothing": 401,
    "/health": 200,
    "/metrics": 404,
    "/ws": 401,
}
"""What is asked for without the token, and the status with which it is answered."""


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


def test_without_the_token_nothing_is_read_or_written(stranger: httpx.Client, site: Whole) -> None:
    """Every operation that the API describes, but the sign-in itself."""
    site.add("Kept", "It is here before and after.")
    held = _held(site)
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
    assert _held(site) == held


def _held(site: Whole) -> list[object]:
    """Return what the documents and the sessions are."""
    with site.client() as client:
        asked = [client.get(path).raise_for_status() for path in ("/api/documents", "/api/sessions")]
    return [answer.json() for answer in asked]


def test_nobody_listens_without_the_token(site: Whole) -> None:
    """Events are told to whoever shows it, and to nobody else."""
    place = f"ws://127.0.0.1:{site.made.ports['SYNAPSE_PORT']}/ws"
    with connect(place, proxy=None) as stranger, pytest.raises(ConnectionClosedError) as refused:
        stranger.recv(30)
    assert refused.value.rcvd
    assert refused.value.rcvd.code == CloseCode.POLICY_VIOLATION
    with connect(place, proxy=None, additional_headers=site.headers) as told:
        assert json.loads(told.recv(30))["kind"] == "hello"


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


@pytest.mark.parametrize("path", PLACES)
def test_headers_of_every_place(site: Whole, path: str) -> None:
    """Each of them once and with its value, whatever the status."""
    answer = ask(site.made.ports["SYNAPSE_PORT"], path)
    assert answer.status == PLACES[path]
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


def test_four_workers_agree_after_writes(site: Whole) -> None:
    """Whoever is asked on a new connection finds what was just written, and no longer what was taken out."""
    assert len(children(site.made.pids("synapse_backend")[0])) == WORKERS
    for number in range(5):
        added = site.add(f"Agreed {number}", f"It was agreed {number} times in Utrecht.")
        found = [_asked(site, "GET", added) for _ in range(12)]
        assert [answer.status_code for answer in found] == [200] * 12
        assert all(added in _search(site, f"agreed {number} times in Utrecht") for _ in range(12))
        assert _asked(site, "DELETE", added).is_success
        assert {_asked(site, "GET", added).status_code for _ in range(12)} == {404}
        assert not any(added in _search(site, f"agreed {number} times in Utrecht") for _ in range(12))
    for route in ("/api/search", "/api/documents/{document_id}"):
        assert len(_answered(site, route)) > 1, route


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


def _asked(site: Whole, method: str, document: str) -> httpx.Response:
    """Ask for a document on a connection of its own, so that any worker may be the one."""
    url = f"{site.url}/api/documents/{document}"
    return httpx.request(method, url, headers=site.headers, trust_env=False, timeout=30)


def _search(site: Whole, text: str) -> set[str]:
    """Return the documents that are found, asked on a connection of its own."""
    url = f"{site.url}/api/search"
    answer = httpx.post(url, json={"text": text}, headers=site.headers, trust_env=False, timeout=30)
    return {hit["document_id"] for hit in answer.raise_for_status().json()["hits"]}


def _answered(site: Whole, route: str) -> set[int]:
    """Return the processes that the log says answered a route."""
    lines = site.made.compose("logs", "--no-color", "--no-log-prefix", "backend").stdout.splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return {line["process"] for line in told if line.get("route") == route}
