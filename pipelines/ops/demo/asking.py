"""What the demo asks the running stack, before the loss and after the restore."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from pipelines.ops.demo.material import Article
from pipelines.ops.errors import OpsError


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer as far as it must come back: its text, and the titles that it cites."""

    question: str
    text: str
    cited: tuple[str, ...]


def add(backend: httpx.Client, article: Article) -> None:
    """Store one article; when this returns it is durable."""
    _ok(backend.post("/api/documents", json={"title": article.title, "text": article.text}))


def ask(backend: httpx.Client, question: str, session: str | None) -> Asked:
    """Ask a question; with a session the turn is kept in Redis."""
    reply = _ok(backend.post("/api/query", json={"question": question, "session_id": session})).json()
    return Asked(question, reply["text"], tuple(one["title"] for one in reply["citations"]))


def passages(backend: httpx.Client, questions: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Search for each question: the titles and texts found, best first."""
    found = {}
    for question in questions:
        hits = _ok(backend.post("/api/search", json={"text": question, "limit": 5})).json()["hits"]
        found[question] = [(hit["title"], hit["text"]) for hit in hits]
    return found


def turns(backend: httpx.Client, session: str) -> list[tuple[str, str]]:
    """Return the questions and answers that a session keeps."""
    kept = _ok(backend.get(f"/api/sessions/{session}")).json()["turns"]
    return [(turn["question"], turn["answer"]) for turn in kept]


def document_count(backend: httpx.Client) -> int:
    """Return how many documents the index holds."""
    collections = _ok(backend.get("/health")).json()["collections"]
    return sum(int(collection["documents"]) for collection in collections)


def _ok(reply: httpx.Response) -> httpx.Response:
    if reply.is_error:
        raise OpsError(
            f"The backend answered {reply.status_code} to {reply.request.method} {reply.request.url.path}:"
            f" {reply.text[:300]}.",
            "See logs/backend.log in the demo's data folder.",
        )
    return reply
