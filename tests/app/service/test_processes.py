"""The service as it is run: real uvicorn, real stores, real embedder, killed and multiplied."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.app.doubles import model_serving
from tests.app.processes import PASSWORD, Server, log_of, redis_server, synapse
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One Redis for all tests of this file; each has data of its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def _add(client: httpx.Client, name: str) -> bool:
    body = {"id": name, "title": name, "text": f"The document {name} is about parrots. " * 40}
    return client.post("/api/documents", json=body).status_code == 201


def test_kill_9_during_ingestion_keeps_what_was_acknowledged(tmp_path: Path, redis: Server) -> None:
    """Every document that was answered with 201 is there, whole, after the process was killed."""
    kept: list[str] = []

    def ingest(url: str, worker: int) -> None:
        with httpx.Client(base_url=url, timeout=10) as client:
            for number in range(10_000):
                try:
                    if _add(client, f"{worker}-{number}"):
                        kept.append(f"{worker}-{number}")
                except httpx.HTTPError:
                    return

    with synapse(tmp_path, redis.port) as server:
        writers = [threading.Thread(target=ingest, args=(server.url, worker)) for worker in range(3)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(kept) >= 40, "documents are acknowledged")
        server.process.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.join()

    with synapse(tmp_path, redis.port) as server, httpx.Client(base_url=server.url) as client:
        for name in kept:
            document = client.get(f"/api/documents/{name}")
            assert document.status_code == 200, name
            assert document.json()["text"].startswith(f"The document {name} ")
        search = {"text": f"document {kept[-1]} parrots", "limit": 100}
        hits = client.post("/api/search", json=search).json()["hits"]
        collection = client.get("/health").json()["collections"][0]
    assert collection["documents"] >= len(kept)
    assert len(hits) == min(100, collection["passages"])


def test_four_workers_answer_from_the_same_data(tmp_path: Path, redis: Server) -> None:
    """A write is seen by every worker in the next request, and all give the same passages."""
    with synapse(tmp_path, redis.port, workers=4) as server:
        for number in range(5):
            parrot = {"title": f"Parrot {number}", "text": f"Parrot {number} sings."}
            assert httpx.post(f"{server.url}/api/documents", json=parrot).status_code == 201
            # A connection each, so that the kernel hands them to different workers.
            answers = [
                httpx.post(f"{server.url}/api/search", json={"text": "Which parrot sings?"}).json()
                for _ in range(16)
            ]
            assert len(answers[0]["hits"]) == number + 1
            assert all(answer == answers[0] for answer in answers)
    answered = {line["process"] for line in log_of(tmp_path) if line.get("route") == "/api/search"}
    assert len(answered) > 1
    assert server.process.returncode == 0


def test_events_and_streams_come_through_a_real_server(tmp_path: Path, redis: Server) -> None:
    """A websocket hears of a document; a streamed answer has its lines; the stop is graceful."""
    with (
        synapse(tmp_path, redis.port) as server,
        connect(server.url.replace("http", "ws") + "/ws", proxy=None) as socket,
    ):
        hello = json.loads(socket.recv(10))
        httpx.post(f"{server.url}/api/documents", json={"title": "Parrots", "text": "A parrot is blue."})
        added = json.loads(socket.recv(10))
        body = {"question": "What is blue?", "session_id": "s1"}
        with httpx.stream("POST", f"{server.url}/api/query/stream", json=body) as stream:
            names = [line.split(": ")[1] for line in stream.iter_lines() if line.startswith("event")]
        turns = httpx.get(f"{server.url}/api/sessions/s1").json()["turns"]
        server.process.terminate()
        server.process.wait(20)
    log = (tmp_path / "synapse.log").read_text()
    assert (hello["kind"], added["kind"]) == ("hello", "document.added")
    assert names == ["citations", "delta", "answer"]
    assert turns[0]["question"] == "What is blue?"
    assert "Traceback" not in log
    assert PASSWORD not in log
    assert {"request", "health"} <= {line["event"] for line in log_of(tmp_path)}


def test_without_redis_search_goes_on_and_health_says_so(tmp_path: Path) -> None:
    """Redis dies: health is 503, questions are answered with a note, sessions are 503; it comes back."""
    with (
        redis_server(tmp_path / "redis") as redis,
        synapse(tmp_path, redis.port) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        assert _add(client, "one")
        redis.process.kill()
        redis.process.wait()
        wait_until(lambda: client.get("/health").status_code == 503, "health notices")
        answer = client.post("/api/query", json={"question": "parrots?", "session_id": "s"}).json()
        sessions = client.get("/api/sessions")
        with redis_server(tmp_path / "redis", redis.port):
            wait_until(lambda: client.get("/health").status_code == 200, "health recovers")
            again = client.post("/api/query", json={"question": "parrots?", "session_id": "s"}).json()
    assert any("Redis cannot be reached" in note for note in answer["notes"])
    assert answer["citations"]
    assert sessions.status_code == 503
    assert not any("Redis" in note for note in again["notes"])


def test_an_index_of_another_model_is_refused(tmp_path: Path, redis: Server) -> None:
    """The service does not start on an index that it cannot compare with, and says so."""
    with synapse(tmp_path, redis.port):
        pass
    with model_serving() as other:
        _refused(tmp_path, redis, EMBEDDING_URL=other.url, EMBEDDING_MODEL="bge")
    (last,) = [line for line in log_of(tmp_path) if line["event"] == "cannot start"]
    assert "wordllama" in last["what"]
    assert last["hint"]


def test_a_wrong_setting_ends_the_start_with_one_sentence(tmp_path: Path, redis: Server) -> None:
    """The variable is named; there is no traceback."""
    _refused(tmp_path, redis, ENVIRONMENT="staging")
    log = (tmp_path / "synapse.log").read_text()
    assert "ENVIRONMENT" in log
    assert "Traceback" not in log


def _refused(folder: Path, redis: Server, **environ: str) -> None:
    server = synapse(folder, redis.port, environ=environ)
    with pytest.raises(RuntimeError, match="ended"):
        server.__enter__()


def test_importing_builds_nothing(tmp_path: Path) -> None:
    """Importing the program reads no environment, opens nothing, and leaves the weights alone."""
    code = "import sys, app.main; sys.exit('wordllama' in sys.modules)"
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, env={"REDIS_PORT": "no number"}, cwd=Path.cwd())
    assert time.monotonic() - begun < 20
    assert list(tmp_path.iterdir()) == []
