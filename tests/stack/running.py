"""The two services that hold data, in containers: written to, destroyed, looked at."""

import os
import random
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import redis

from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.kinds import Keys, keys_of, write_each_kind
from tests.waiting import wait_until

HOLDERS = ("redis", "backend")
_SEED = 20261125
_SAID = (
    "the keeper of a lighthouse winds its clockwork every four hours",
    "bread rises because yeast eats sugar and breathes out gas",
    "a violin is tuned in fifths, from G up to E",
    "the glacier carried these boulders down into the valley",
    "a queue that is full tells its writers to wait",
)
"""What documents say, each of something else, so that a question has one answer."""


@dataclass(frozen=True)
class Held:
    """What a stack holds and answers, but for what a Writer wrote; caches of answers are left out.

    Keys of every kind, documents with their texts, the turns of the session, and for each thing that
    documents say the best hit and the answer with its citation.
    """

    keys: Keys
    documents: dict[str, str]
    turns: list[dict[str, Any]]
    hits: list[dict[str, Any]]
    answers: list[dict[str, Any]]


@contextmanager
def holders(engine: Engine, folder: Path, *more: str) -> Iterator[Deployment]:
    """Run Redis and the backend of production, the backend's own port published."""
    with deployed(engine, folder, QUICK, *more) as made:
        made.up(*HOLDERS)
        yield made


def fill(made: Deployment, *, keys: int = 2000, documents: int = 5, size: int = 100) -> None:
    """Write keys of `size` random bytes, things of each other kind, and documents."""
    chance = random.Random(_SEED)
    with made.redis() as client:
        for first in range(0, keys, 500):
            client.mset({f"key:{number}": chance.randbytes(size) for number in range(first, first + 500)})
    write_each_kind(made.redis)
    with made.client() as client:
        for number in range(documents):
            add(client, f"document-{number}", _SAID[number % len(_SAID)])
        asked = {"question": "What is said?", "session_id": "mine"}
        client.post("/api/query", json=asked).raise_for_status()


def add(client: httpx.Client, name: str, says: str = "the tide follows the moon") -> None:
    """Keep a document of that name."""
    text = f"This is what {name} says: {says}."
    client.post("/api/documents", json={"id": name, "title": name, "text": text}).raise_for_status()


def held(made: Deployment) -> Held:
    """Ask for all that a stack holds, and for answers from it, which are worked out anew."""
    keys = keys_of(made.redis)
    with made.client() as client:
        session = client.get("/api/sessions/mine").raise_for_status().json()
        return Held(
            keys,
            {name: _text(client, name) for name in _documents(client) if not name.startswith("written")},
            session["turns"],
            [_best_hit(client, says) for says in _SAID],
            [_answer(client, says) for says in _SAID],
        )


def _text(client: httpx.Client, name: str) -> str:
    return str(client.get(f"/api/documents/{name}").raise_for_status().json()["text"])


def _best_hit(client: httpx.Client, says: str) -> dict[str, Any]:
    asked = {"text": says, "limit": 1}
    (hit,) = client.post("/api/search", json=asked).raise_for_status().json()["hits"]
    return {**hit, "score": round(hit["score"], 4)}


def _answer(client: httpx.Client, says: str) -> dict[str, Any]:
    asked = {"question": f"Is it so that {says}?", "limit": 1}
    answer = client.post("/api/query", json=asked).raise_for_status().json()
    cited = [{**one, "score": round(one["score"], 4)} for one in answer["citations"]]
    assert cited, answer
    return {"text": answer["text"], "citations": cited}


def _documents(client: httpx.Client) -> list[str]:
    """Return the names of all documents."""
    found: list[str] = []
    asked: dict[str, str | int] = {"limit": 100}
    while True:
        page = client.get("/api/documents", params=asked).raise_for_status().json()
        found += [one["id"] for one in page["documents"]]
        if page["next"] is None:
            return sorted(found)
        asked["cursor"] = page["next"]


def restart_redis(made: Deployment) -> None:
    """Kill Redis and start it again: it holds what its disk holds."""
    made.compose("kill", "redis")
    made.up(*HOLDERS)
    with made.client() as client:
        wait_until(lambda: client.get("/health").json()["state"] == "ok", "the backend has found it again")


def destroy(made: Deployment) -> None:
    """Take the containers, the volume and the data folder away."""
    made.compose("down", "--volumes", "--timeout", "3")
    shutil.rmtree(made.folder / "data")
    (made.folder / "data").mkdir()
    os.chown(made.folder / "data", 1000, 1000)


class Writer:
    """Writes numbered keys and documents until it is stopped, and remembers which were acknowledged.

    `keys` says of each when that was, on the monotonic clock.
    """

    def __init__(self, made: Deployment) -> None:
        self.keys: dict[int, float] = {}
        self.documents: list[int] = []
        # What another writer has written must not stand for what this one has lost.
        self._mark = secrets.token_hex(4)
        self._made = made
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._set), threading.Thread(target=self._add)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def missing(self) -> tuple[list[int], list[int]]:
        """Return which acknowledged keys and documents are not there."""
        with self._made.redis() as client:
            keys = [
                number
                for number in self.keys
                if client.get(f"written:{self._mark}:{number}") != str(number).encode()
            ]
        with self._made.client() as client:
            found = [client.get(self._document(number)).status_code for number in self.documents]
        return keys, [number for number, code in zip(self.documents, found, strict=True) if code != 200]

    def _document(self, number: int) -> str:
        return f"/api/documents/written-{self._mark}-{number}"

    def _set(self) -> None:
        number = 0
        while not self._stop.wait(0.002):
            number += 1
            try:
                with self._made.redis() as client:
                    client.set(f"written:{self._mark}:{number}", number)
            except redis.RedisError:
                continue
            self.keys[number] = time.monotonic()

    def _add(self) -> None:
        number = 0
        with self._made.client() as client:
            while not self._stop.wait(0.05):
                number += 1
                try:
                    add(client, f"written-{self._mark}-{number}")
                except httpx.HTTPError:
                    continue
                self.documents.append(number)


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run Redis and the backend with some data, for all tests that leave them running."""
    with holders(docker, tmp_path_factory.mktemp("stack")) as made:
        fill(made)
        yield made
