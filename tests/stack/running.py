"""The two services that hold data, in containers: written to, destroyed, looked at."""

import os
import random
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import pytest
import redis

from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine

HOLDERS = ("redis", "backend")
_SEED = 20261125


@contextmanager
def holders(engine: Engine, folder: Path, *more: str) -> Iterator[Deployment]:
    """Run Redis and the backend of production, the backend's own port published."""
    with deployed(engine, folder, QUICK, *more) as made:
        made.up(*HOLDERS)
        yield made


def fill(made: Deployment, *, keys: int = 2000, documents: int = 5, size: int = 100) -> None:
    """Write keys of `size` random bytes and documents."""
    chance = random.Random(_SEED)
    with made.redis() as client:
        for first in range(0, keys, 500):
            client.mset({f"key:{number}": chance.randbytes(size) for number in range(first, first + 500)})
        client.hset("hash", mapping={"a": "1", "b": "2"})
        client.xadd("stream", {"n": 1})
        client.xgroup_create("stream", "group", "0")
    with made.client() as client:
        for number in range(documents):
            add(client, f"document-{number}")
        asked = {"question": "What is said?", "session_id": "mine"}
        client.post("/api/query", json=asked).raise_for_status()


def add(client: httpx.Client, name: str) -> None:
    """Keep a document of that name."""
    text = f"This is what {name} says: the tide follows the moon."
    client.post("/api/documents", json={"id": name, "title": name, "text": text}).raise_for_status()


def held(made: Deployment) -> tuple[dict[bytes, bytes], list[str], int]:
    """Return every key with what DUMP says of it, the names of documents, and the turns of the session."""
    with made.redis() as client:
        found = {key: bytes(client.dump(key) or b"") for key in sorted(client.scan_iter(count=1000))}
    with made.client() as client:
        documents = _documents(client)
        session = client.get("/api/sessions/mine").raise_for_status().json()
    cached = [key for key in found if b"cache" in key]
    return (
        {key: value for key, value in found.items() if key not in cached and b"written" not in key},
        sorted(one for one in documents if not one.startswith("written")),
        len(session["turns"]),
    )


def _documents(client: httpx.Client) -> list[str]:
    """Return the names of all documents."""
    found: list[str] = []
    asked: dict[str, str | int] = {"limit": 100}
    while True:
        page = client.get("/api/documents", params=asked).raise_for_status().json()
        found += [one["id"] for one in page["documents"]]
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]


def destroy(made: Deployment) -> None:
    """Take the containers, the volume and the data folder away."""
    made.compose("down", "--volumes", "--timeout", "3")
    shutil.rmtree(made.folder / "data")
    (made.folder / "data").mkdir()
    os.chown(made.folder / "data", 1000, 1000)


class Writer:
    """Writes numbered keys and documents until it is stopped, and remembers which were acknowledged."""

    def __init__(self, made: Deployment) -> None:
        self.keys: list[int] = []
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
            keys = [number for number in self.keys if not client.exists(f"written:{self._mark}:{number}")]
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
            self.keys.append(number)

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
