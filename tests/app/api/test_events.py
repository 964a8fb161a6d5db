"""The websocket: what is told, to whom, and what happens to one who does not listen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from fastapi import FastAPI

from app.answering.events import QUEUE, Happening
from tests.app.doubles import Clock
from tests.app.running import ORIGIN, Running, running

pytestmark = pytest.mark.anyio


class Socket:
    """The server's end of a websocket: `reading` is set while the other side takes what is sent."""

    def __init__(self) -> None:
        self._came, self._comes = anyio.create_memory_object_stream[dict[str, object]](10)
        self._told, self.messages = anyio.create_memory_object_stream[dict[str, object]](1000)
        self.reading = anyio.Event()
        self.reading.set()

    async def receive(self) -> dict[str, object]:
        """Give the server what the other side sends."""
        return await self._comes.receive()

    async def send(self, message: dict[str, object]) -> None:
        """Take what the server sends, when the other side reads."""
        if message["type"] == "websocket.send":
            await self.reading.wait()
        await self._told.send(message)

    async def next(self) -> dict[str, object]:
        """Return the next event, or the closing message."""
        with anyio.fail_after(10):
            message = await self.messages.receive()
        return dict(json.loads(str(message["text"]))) if "text" in message else message

    async def leave(self) -> None:
        """Close from the other side."""
        await self._came.send({"type": "websocket.disconnect", "code": 1000})

    async def connect(self, app: FastAPI, origin: str | None) -> None:
        """Run the application for this socket until it ends."""
        await self._came.send({"type": "websocket.connect"})
        headers = [(b"host", b"synapse")] + ([(b"origin", origin.encode())] if origin else [])
        scope = {
            "type": "websocket",
            "path": "/ws",
            "headers": headers,
            "query_string": b"",
            "subprotocols": [],
        }
        await app(scope, self.receive, self.send)  # type: ignore[arg-type]  # ASGI's own dictionaries

    def close(self) -> None:
        """Release the streams."""
        for stream in (self._came, self._comes, self._told, self.messages):
            stream.close()


@asynccontextmanager
async def _listening(synapse: Running, origin: str | None = None) -> AsyncIterator[Socket]:
    socket = Socket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(socket.connect, synapse.app, origin)
        yield socket
        tasks.cancel_scope.cancel()
    socket.close()


async def test_changes_are_told(tmp_path: Path) -> None:
    """A listener is greeted with the state, then told of documents, generations and restores."""
    async with running(tmp_path) as synapse, _listening(synapse) as socket:
        accepted, hello = await socket.next(), await socket.next()
        await synapse.add("Parrots", "A parrot.", id="parrots")
        added, changed = await socket.next(), await socket.next()
        await synapse.client.delete("/api/documents/parrots")
        deleted, changed_again = await socket.next(), await socket.next()
        synapse.begin_restore()
        restoring = await socket.next()

    assert accepted["type"] == "websocket.accept"
    assert (hello["kind"], hello["state"]) == ("hello", "ok")
    assert (added["kind"], added["id"], added["title"]) == ("document.added", "parrots", "Parrots")
    assert (changed["kind"], changed["sequence"]) == ("index.changed", 1)
    assert (deleted["kind"], deleted["id"]) == ("document.deleted", "parrots")
    assert (changed_again["kind"], changed_again["sequence"]) == ("index.changed", 2)
    assert (restoring["kind"], restoring["restoring"]) == ("restore.changed", True)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [(None, True), (ORIGIN, True), ("http://synapse", True), ("http://evil", False), ("null", False)],
)
async def test_only_our_pages_may_listen(tmp_path: Path, origin: str | None, welcome: bool) -> None:
    """CORS does not hold for websockets, so the origin is looked at here."""
    async with running(tmp_path) as synapse, _listening(synapse, origin) as socket:
        answer = await socket.next()

    assert answer["type"] == ("websocket.accept" if welcome else "websocket.close")


async def test_a_listener_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    """Its queue is bounded; nobody else waits for it."""
    async with running(tmp_path) as synapse, _listening(synapse) as slow, _listening(synapse) as quick:
        assert [(await slow.next())["type"], (await slow.next())["kind"]] == ["websocket.accept", "hello"]
        assert [(await quick.next())["type"], (await quick.next())["kind"]] == ["websocket.accept", "hello"]
        slow.reading = anyio.Event()
        clock = Clock()
        for number in range(QUEUE + 2):
            synapse.services.events.publish(Happening("test", clock(), {"number": number}))
            assert (await quick.next())["number"] == number
        goodbye = await slow.next()

    assert (goodbye["type"], goodbye["code"]) == ("websocket.close", 1013)


async def test_a_listener_that_leaves_is_forgotten(tmp_path: Path) -> None:
    """After the other side has closed, its queue is gone."""
    async with running(tmp_path) as synapse, _listening(synapse) as socket:
        await socket.next()
        await socket.leave()
        with anyio.fail_after(10):
            while synapse.services.events.listeners:
                await anyio.lowlevel.checkpoint()
