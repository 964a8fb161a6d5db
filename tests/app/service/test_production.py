"""Production as it is run: gunicorn with four workers that agree, come back, and leave without a loss."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.app.load import Load, Seen
from tests.app.processes import PASSWORD, TOKEN, Server, log_of, production, redis_server
from tests.ops.localstack.stacks import alive, descendants
from tests.waiting import wait_until

BEARER = {"Authorization": f"Bearer {TOKEN}"}
WORKERS = 4
TIMEOUT_S = 10
CLIENTS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the place of one production service."""
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """Run it for all tests, with a document; it gives a worker up after ten seconds."""
    options = {"GUNICORN_CMD_ARGS": f"--timeout {TIMEOUT_S}", "FORWARDED_ALLOW_IPS": "127.0.0.0/8"}
    with (
        redis_server(folder / "redis") as redis,
        production(folder, redis.port, workers=WORKERS, environ=options) as server,
    ):
        added = _post(server, "/api/documents", {"title": "Kept", "text": "It is kept.", "id": "kept"})
        assert added.status_code == 201, added.text
        yield server


def _post(server: Server, path: str, body: object) -> httpx.Response:
    # A connection each, so that the kernel hands them to different workers.
    return httpx.post(f"{server.url}{path}", json=body, headers=BEARER, timeout=30)


def _workers(server: Server) -> set[int]:
    return set(descendants(server.process.pid))


def _load(server: Server) -> Load:
    return Load(server.port, "/api/documents/kept", BEARER, clients=CLIENTS, pause=0.5)


def _counted(server: Server, route: str) -> float:
    """Return how many requests of a route were answered, as one worker tells it."""
    text = httpx.get(f"{server.url}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith("synapse_requests_total{")]
    return sum(float(line.split()[-1]) for line in lines if f'route="{route}"' in line)


def test_four_workers_agree_after_writes_and_count_together(server: Server, folder: Path) -> None:
    """Each write is seen by every worker in the next request, and every scrape tells the sum of all."""
    asked = 0
    for number in range(4):
        parrot = {"title": f"Parrot {number}", "text": f"Parrot {number} sings."}
        assert _post(server, "/api/documents", parrot).status_code == 201
        answers = [_post(server, "/api/search", {"text": "parrot"}).json() for _ in range(16)]
        asked += len(answers)
        assert sum(hit["title"].startswith("Parrot") for hit in answers[0]["hits"]) == number + 1
        assert all(answer == answers[0] for answer in answers)
    answered = {line["process"] for line in log_of(folder) if line.get("route") == "/api/search"}
    assert len(answered) > 1
    assert {_counted(server, "/api/search") for _ in range(8)} == {asked}
    text = httpx.get(f"{server.url}/metrics").text
    assert text.count("synapse_index_info{") == 1
    assert text.count("# TYPE synapse_dependency_state") == 1


def test_one_worker_is_replaced_under_load_without_a_loss(server: Server) -> None:
    """SIGTERM to one of four while 300 clients ask: everyone is answered, and there are four again."""
    before = _workers(server)
    leaving = min(before)

    async def replace() -> None:
        await asyncio.sleep(1)  # the load is up
        os.kill(leaving, signal.SIGTERM)
        await _until(lambda: leaving not in _workers(server) and len(_workers(server)) == WORKERS)
        await asyncio.sleep(1)  # the new one is asked too

    seen = asyncio.run(_load(server).during(replace))
    _nothing_lost(seen)
    assert len(_workers(server) - before) == 1


def test_all_workers_are_replaced_under_load_without_a_loss(server: Server) -> None:
    """SIGHUP, as for new settings: all four are new ones, and everyone was answered."""
    before = _workers(server)

    async def reload() -> None:
        await asyncio.sleep(1)  # the load is up
        server.process.send_signal(signal.SIGHUP)
        await _until(lambda: len(_workers(server)) == WORKERS and not _workers(server) & before)
        await asyncio.sleep(1)  # the new ones are asked too

    seen = asyncio.run(_load(server).during(reload))
    _nothing_lost(seen)
    assert seen.renewed


def test_a_killed_worker_comes_back_and_counts_do_not_go_back(server: Server, folder: Path) -> None:
    """After each of five kills there are four again, the sum is what it was, and no file was left over."""
    for _ in range(16):
        _post(server, "/api/search", {"text": "kept"})
    counted = _counted(server, "/api/search")
    for _ in range(5):
        _kill_one(server)
        assert _post(server, "/api/search", {"text": "kept"}).status_code == 200
        counted += 1
        assert _counted(server, "/api/search") == counted
    (metrics,) = folder.glob("synapse-metrics-*")
    # During a reload there are twice as many for a moment.
    assert len(list(metrics.glob("*.db"))) <= 2 * 2 * WORKERS


def _kill_one(server: Server) -> None:
    before = _workers(server)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(_workers(server) - before) == 1, "another worker is started")


def test_a_hung_worker_is_replaced_in_time(server: Server) -> None:
    """One that is stopped (SIGSTOP) gives no sign of life, is killed, and another one answers."""
    before = _workers(server)
    hung = min(before)
    begun = time.monotonic()
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: hung not in _workers(server), "the hung worker is gone")
    took = time.monotonic() - begun
    wait_until(lambda: len(_workers(server)) == WORKERS, "there are four again")
    # A sign of life may be just before it is stopped; one look a second finds it, a second one kills it.
    assert took < TIMEOUT_S + 5
    print(f"a hung worker was gone after {took:.1f} s of {TIMEOUT_S}")  # noqa: T201  # a figure


def test_the_log_has_the_client_and_no_secret(server: Server, folder: Path) -> None:
    """The address that a trusted proxy tells, the scheme too; no token, no cookie, no question."""
    proxied = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    login = httpx.post(f"{server.url}/api/login", json={"token": TOKEN}, headers=proxied)
    cookie = login.headers["set-cookie"].split(";")[0]
    httpx.get(f"{server.url}/api/documents?secret=question", headers={"Cookie": cookie, **proxied})
    httpx.post(f"{server.url}/api/login", json={"token": "not-the-token"}, headers=proxied)
    log = (folder / "synapse.log").read_text()
    lines = [line for line in log_of(folder) if line.get("client") == "203.0.113.7"]
    assert {line["route"] for line in lines} == {"/api/login", "/api/documents"}
    assert "Secure" in login.headers["set-cookie"]
    for secret in (TOKEN, "not-the-token", cookie.partition("=")[2], "secret=question", PASSWORD):
        assert secret not in log


def test_a_too_large_body_is_refused_before_it_is_sent(server: Server, folder: Path) -> None:
    """By what it declares; without that, as soon as it is too much."""
    declared = _head(server, "Content-Length: 50000000000")
    with socket.create_connection(("127.0.0.1", server.port), 20) as peer:
        peer.sendall(declared)
        assert _status(peer) == 413
    with socket.create_connection(("127.0.0.1", server.port), 20) as peer:
        peer.sendall(_head(server, "Transfer-Encoding: chunked"))
        piece = b"--b\r\nContent-Disposition: form-data; name=files; filename=a.txt\r\n\r\n"
        peer.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        sent = 0
        with suppress(OSError):
            while sent < 200_000_000:
                peer.sendall(b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20)))
                sent += 1 << 20
        # The limit is 41 MB; the rest is what lies in the buffers of two sockets.
        assert 41_000_000 < sent < 60_000_000
    refused = [line for line in log_of(folder) if line.get("status") == 413]
    assert len(refused) == 2


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("a.pdf", b"%PDF", 415), ("a.txt", b"\xff\xfe\x00", 415), ("a.txt", b"  ", 422), ("a.txt", b"\0", 415)],
)
def test_a_broken_file_is_a_sentence(server: Server, name: str, content: bytes, status: int) -> None:
    """Which file, what is wrong with it, and what to do."""
    answer = httpx.post(f"{server.url}/api/documents/files", files={"files": (name, content)}, headers=BEARER)
    assert answer.status_code == status, answer.text
    assert name in answer.json()["error"]["what"]
    assert answer.json()["error"]["hint"]


def test_a_body_that_is_no_form_is_a_sentence(server: Server) -> None:
    """Half a form is refused as one."""
    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{server.url}/api/documents/files", content=b"--b\r\nnonsense", headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["what"]


def test_another_token_ends_every_session(server: Server, folder: Path) -> None:
    """The file is changed and the server told (SIGHUP): the old token and its cookies are worth nothing."""
    before = _workers(server)
    login = httpx.post(f"{server.url}/api/login", json={"token": TOKEN})
    cookie = {"Cookie": login.headers["set-cookie"].split(";")[0]}
    address = f"{server.url}/api/documents/kept"
    assert httpx.get(address, headers=cookie).status_code == 200
    (folder / "token").write_text("another-token-than-before")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not _workers(server) & before, "all workers are new")
    new = {"Authorization": "Bearer another-token-than-before"}
    answers = [httpx.get(address, headers=headers).status_code for headers in (cookie, BEARER, new)]
    assert answers == [401, 401, 200]


def test_who_is_no_proxy_of_ours_is_not_believed(tmp_path: Path) -> None:
    """One that may not speak for others is logged as itself, and its cookie is not called secure."""
    trusted = {"FORWARDED_ALLOW_IPS": "10.0.0.1"}
    with (
        redis_server(tmp_path / "redis") as redis,
        production(tmp_path, redis.port, workers=1, environ=trusted) as server,
    ):
        forged = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
        login = httpx.post(f"{server.url}/api/login", json={"token": TOKEN}, headers=forged)
    assert login.status_code == 204
    assert "Secure" not in login.headers["set-cookie"]
    assert {line["client"] for line in log_of(tmp_path) if "client" in line} == {"127.0.0.1"}


def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    """One whose parent was killed ends by itself, so that the next server gets the port."""
    with redis_server(tmp_path / "redis") as redis:
        options = {"GUNICORN_CMD_ARGS": f"--timeout {TIMEOUT_S}"}
        with production(tmp_path, redis.port, workers=2, environ=options) as server:
            workers = descendants(server.process.pid)
            assert len(workers) == 2
            server.process.kill()
            wait_until(lambda: alive(workers) == [], "the workers have ended")
            assert _is_closed(server.port)


def test_what_is_half_sent_is_answered_before_the_end(tmp_path: Path) -> None:
    """SIGTERM to the server while an upload is under way: it is taken whole; nothing is left; code 0."""
    with redis_server(tmp_path / "redis") as redis:
        with production(tmp_path, redis.port, workers=2) as server:
            children = descendants(server.process.pid)
            body = b'{"title": "Last", "text": "The last words.", "id": "last"}'
            kept = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
            with socket.create_connection(("127.0.0.1", server.port), 20) as peer:
                peer.sendall(_head(server, kept, path="/api/documents") + body[:20])
                wait_until(lambda: _is_read(server.port), "a worker has what was sent")
                server.process.terminate()
                wait_until(lambda: _is_closed(server.port), "no new connections are taken")
                peer.sendall(body[20:])
                assert _status(peer) == 201
            server.process.wait(40)
        assert server.process.returncode == 0
        assert alive(children) == []
        assert list(tmp_path.glob("synapse-metrics-*")) == []
        levels = {line["level"] for line in log_of(tmp_path)}
        assert levels == {"info"}
        with production(tmp_path, redis.port, workers=1) as again:
            assert httpx.get(f"{again.url}/api/documents/last", headers=BEARER).status_code == 200


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"API_TOKEN_FILE": ""}, "API_TOKEN"),
        ({"PAGE_DIR": "/nowhere"}, "PAGE_DIR"),
        ({"API_PORT": "x"}, "API_PORT"),
    ],
)
def test_what_cannot_start_says_why_and_ends(tmp_path: Path, given: dict[str, str], named: str) -> None:
    """One sentence with the variable, no traceback, and no trying for ever."""
    service = production(tmp_path, 1, environ=given)
    with pytest.raises(RuntimeError, match="ended"):
        service.__enter__()
    log = (tmp_path / "synapse.log").read_text()
    assert named in log
    assert "Traceback" not in log


def _head(server: Server, *lines: str, path: str = "/api/documents/files") -> bytes:
    given = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {TOKEN}"]
    if path.endswith("files"):
        given.append("Content-Type: multipart/form-data; boundary=b")
    return "\r\n".join([*given, *lines, "", ""]).encode()


def _status(peer: socket.socket) -> int:
    return int(peer.recv(4096).split()[1])


def _is_read(port: int) -> bool:
    """Say whether every byte that was sent to the port was taken from the kernel."""
    listing = subprocess.run(
        ["ss", "-Htn", f"sport = :{port}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return bool(listing) and all(line.split()[1] == "0" for line in listing)


def _is_closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


async def _until(true: object) -> None:
    assert callable(true)
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _nothing_lost(seen: Seen) -> None:
    print(f"{sum(seen.answers.values())} requests, longest {seen.longest:.2f} s")  # noqa: T201  # a figure
    assert seen.dropped == []
    assert set(seen.answers) == {200}
    assert seen.answers[200] > CLIENTS
