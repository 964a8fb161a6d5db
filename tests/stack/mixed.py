"""Clients of every kind through nginx at once: they read, add documents, and listen to streamed answers."""

import asyncio
import json
import random
import secrets
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.stack.whole import Whole
from tests.waiting import wait_until

_PATIENCE_S = 90.0
_THINKS_S = 2.0
_AWAY = {502, 503}
_Ask = Callable[[httpx.AsyncClient, str], Awaitable[None]]


class AwayError(Exception):
    """The request was answered by words that the service is away."""


class Mixed:
    """Asks for a document, adds documents and asks questions until it is told to leave; remembers what came.

    `read` has the id of each request for the document that was answered, `added` those of documents that were
    acknowledged, with their titles, `open` those of streams that have begun to say something, `heard` those
    that came to their end, with their events, `dropped` what was not answered as it should be. Each has one
    connection of its own, which it keeps. `refused` counts answers that the service is away, by status, and
    where that is not `expected` they are dropped requests.
    """

    def __init__(self, site: Whole, document: str, *, expected: bool = False) -> None:
        self.refused: Counter[int] = Counter()
        self.read: list[str] = []
        self.added: dict[str, str] = {}
        self.heard: dict[str, list[tuple[str, Any]]] = {}
        self.open: set[str] = set()
        self.dropped: list[str] = []
        self._document = document
        self._leave = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []
        self._expected = expected
        self._site = site
        # Nothing here is encrypted, and one for each client would take its time.
        self._encryption = ssl.create_default_context()

    async def during(self, work: Callable[[], Awaitable[None]]) -> None:
        """Let those that `work` begins ask until it is done; return when each has its last answer."""
        try:
            await work()
        finally:
            self._leave.set()
            await asyncio.gather(*self._clients)

    def begin(self, *, readers: int = 0, writers: int = 0, listeners: int = 0) -> None:
        """Let so many more clients of each kind ask."""
        for kind in [self._read] * readers + [self._add] * writers + [self._listen] * listeners:
            chance = random.Random(len(self._clients))
            self._clients.append(asyncio.create_task(self._repeat(kind, chance)))

    async def reached(self, holds: Callable[[], object], what: str) -> None:
        """Return when it holds; fail at once when a request was dropped."""
        await asyncio.to_thread(wait_until, lambda: self.dropped or holds(), what)
        assert self.dropped == [], self.dropped

    async def _repeat(self, ask: _Ask, chance: random.Random) -> None:
        async with self._connection() as client:
            while not self._leave.is_set():
                mark = secrets.token_hex(16)
                try:
                    await ask(client, mark)
                except AwayError:
                    pass
                except (httpx.HTTPError, AssertionError, ValueError) as error:
                    self.dropped.append(f"{ask.__name__} {mark}: {error!r}")
                    return
                # The time that a reader takes to think.
                await asyncio.sleep(chance.uniform(0, _THINKS_S))

    def _connection(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._site.url,
            headers=self._site.headers,
            timeout=_PATIENCE_S,
            limits=httpx.Limits(max_connections=1),
            verify=self._encryption,
            trust_env=False,
        )

    def _check(self, answer: httpx.Response, status: int) -> None:
        if self._expected and answer.status_code in _AWAY:
            assert answer.json()["error"]["hint"], answer.text
            self.refused[answer.status_code] += 1
            raise AwayError
        assert answer.status_code == status, answer.text

    async def _read(self, client: httpx.AsyncClient, mark: str) -> None:
        answer = await client.get(f"/api/documents/{self._document}", headers={"X-Request-ID": mark})
        self._check(answer, 200)
        assert answer.json()["id"] == self._document
        self.read.append(mark)

    async def _add(self, client: httpx.AsyncClient, mark: str) -> None:
        body = {"title": f"Added {mark}", "text": f"It was added as {mark}."}
        answer = await client.post("/api/documents", json=body, headers={"X-Request-ID": mark})
        self._check(answer, 201)
        self.added[mark] = body["title"]

    async def _listen(self, client: httpx.AsyncClient, mark: str) -> None:
        body = {"question": f"What was added as {mark}?", "session_id": f"heard-{mark}"}
        events: list[tuple[str, Any]] = []
        headers = {"X-Request-ID": mark}
        async with client.stream("POST", "/api/query/stream", json=body, headers=headers) as answer:
            if not answer.is_success:
                await answer.aread()
            self._check(answer, 200)
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    events.append((name, json.loads(line.removeprefix("data: "))))
                    if name == "delta":
                        self.open.add(mark)
        assert is_complete(events), events
        self.open.discard(mark)
        self.heard[mark] = events


def is_complete(events: list[tuple[str, Any]]) -> bool:
    """Say whether a streamed answer came whole: citations, the pieces, and at the end all of it, once."""
    names = [name for name, _ in events]
    if names[:1] != ["citations"] or names[-1:] != ["answer"] or set(names[1:-1]) != {"delta"}:
        return False
    pieces = "".join(event["text"] for name, event in events if name == "delta")
    return pieces == str(events[-1][1]["text"])
