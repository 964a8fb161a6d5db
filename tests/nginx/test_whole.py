"""The real service behind the real nginx: questions, streams, events, uploads."""

import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.app.processes import log_of
from tests.nginx.headers import check
from tests.nginx.whole import Whole, whole_in


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run all of it once for this file."""
    with whole_in(tmp_path_factory.mktemp("whole")) as whole, whole.backend():
        yield whole


def test_a_document_is_uploaded_found_and_asked_for(whole: Whole) -> None:
    """Through nginx as directly."""
    with httpx.Client(base_url=whole.web.url) as client:
        added = client.post(
            "/api/documents/files", files={"files": ("parrot.md", b"# Parrots\n\nA parrot is blue.")}
        )
        answer = client.post("/api/query", json={"question": "What is blue?"}).json()
        listed = client.get("/api/documents").json()["documents"]
        page = client.get("/api/docs")
    assert added.status_code == 201, added.text
    assert "parrot" in answer["text"]
    assert [document["title"] for document in listed] == ["parrot.md"]
    assert page.status_code == 200
    assert whole.web.told(page.headers["X-Request-ID"])["path"] == "/api/docs"


def test_one_id_is_in_both_logs(whole: Whole) -> None:
    """A problem that a user reports is found in each."""
    answer = whole.web.ask("/api/documents/none")
    check(answer)
    assert answer.status == 404
    asked = answer.problem()["request_id"]
    assert whole.web.told(asked)["status"] == 404
    assert asked in {line.get("request_id") for line in log_of(whole.folder)}


def test_an_answer_is_streamed_as_it_is_written_and_ends_with_the_asker(whole: Whole) -> None:
    """The model never ends, so nothing that arrives was held back; who leaves frees it."""
    whole.model.mode = "endless"
    whole.model.left.clear()
    try:
        body = {"question": "What is endless?"}
        with httpx.stream("POST", f"{whole.web.url}/api/query/stream", json=body, timeout=30) as stream:
            names = (line for line in stream.iter_lines() if line.startswith("event"))
            assert [next(names) for _ in range(4)] == ["event: citations"] + ["event: delta"] * 3
        assert whole.model.left.wait(20)
    finally:
        whole.model.mode = "ok"


def test_events_are_told_through_the_websocket(whole: Whole) -> None:
    """To the page of this host; another page is refused by the backend, which sees the true Host."""
    address = whole.web.url.replace("http", "ws") + "/ws"
    with connect(address, proxy=None, origin=Origin(whole.web.url)) as socket:
        assert json.loads(socket.recv(10))["kind"] == "hello"
        whole.web.ask(
            "/api/documents", "POST", b'{"title": "T", "text": "text"}', {"Content-Type": "application/json"}
        )
        assert json.loads(socket.recv(10))["kind"] == "document.added"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, proxy=None, origin=Origin("http://evil.example"))
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/api/documents", 1_020_000),
        ("/api/documents/files", 5_100_000),
        ("/api/documents/files", 30_000_000),
    ],
)
def test_the_sentence_of_the_backend_about_a_size_comes_through(whole: Whole, path: str, size: int) -> None:
    """Each time, though it is said while the sender still sends."""
    for _ in range(5):
        answer = whole.web.ask(path, "POST", b"x" * size)
        assert answer.status == 413
        assert "more than" in answer.problem()["what"]


def test_a_large_upload_is_not_kept_on_the_way(whole: Whole) -> None:
    """No file of it is left or was made in the folder that nginx may write."""
    files = [("files", (f"{number}.txt", b"A parrot is blue. " * 50_000)) for number in range(2)]
    answer = httpx.post(f"{whole.web.url}/api/documents/files", files=files, timeout=60)
    assert answer.status_code == 201, answer.text
    assert [path for path in (whole.web.folder / "tmp").rglob("*") if path.is_file()] == [
        whole.web.folder / "tmp" / "nginx.pid"
    ]
