"""Small real stand-ins for what the service talks to: a clock, an embedder, a memory, a model server."""

# ruff: noqa: D102  # the ports say what each method does

import json
import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zlib import crc32

import anyio
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from app.domain import EmbeddingModel, StoreUnavailableError, Turn, Vectors
from app.inference.embedder import normalised
from app.inference.errors import ModelUnavailableError
from app.stores.memory.port import SessionSummary


class Clock:
    """Starts at 2026-01-01 and goes one second on with every look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def go_on(self, time: timedelta) -> None:
        """Let a time pass."""
        self._now += time


class WordEmbedder:
    """Counts words into 64 numbers: texts that share words are near. `broken` makes it unavailable."""

    def __init__(self, dimension: int = 64) -> None:
        self.model = EmbeddingModel("words", dimension=dimension, normalised=True)
        self.broken = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.check()
        vectors = np.zeros((len(texts), self.model.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, crc32(word.encode()) % self.model.dimension] += 1
        return normalised(vectors)

    def check(self) -> None:
        if self.broken:
            raise ModelUnavailableError("The embedder is broken.", "Mend it.")

    def close(self) -> None:
        pass


class DeadMemory:
    """A Redis that nobody reaches. `asked` counts how often it was tried, pings of the health check aside."""

    def __init__(self) -> None:
        self.asked = 0

    def _refuse(self) -> StoreUnavailableError:
        self.asked += 1
        return StoreUnavailableError("Redis cannot be reached.", "Start it.")

    async def ping(self) -> None:
        raise StoreUnavailableError("Redis cannot be reached.", "Start it.")

    async def cached(self, key: str) -> bytes | None:
        raise self._refuse()

    async def cache(self, key: str, answer: bytes, *, seconds: int) -> None:
        raise self._refuse()

    async def remember(self, session_id: str, turn: Turn) -> None:
        raise self._refuse()

    async def session(self, session_id: str) -> Sequence[Turn]:
        raise self._refuse()

    async def sessions(self, *, limit: int = 100) -> Sequence[SessionSummary]:
        raise self._refuse()

    async def forget(self, session_id: str) -> bool:
        raise self._refuse()

    async def close(self) -> None:
        pass


@dataclass
class ModelServer:
    """A server like llama.cpp's; `mode` says how it behaves, `asked` keeps what it was asked.

    Modes: ok, loading, overflow, silent (ends at once), dies (after two pieces), error, empty, endless,
    held (after the first piece, until `go_on` is set), and for embeddings: shape, count, html, wider (after
    the first request).
    """

    mode: str = "ok"
    url: str = ""
    dimension: int = 8
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
            ]
        )

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": self.mode}, 503 if self.mode == "loading" else 200)

    async def _chat(self, request: Request) -> Response:
        await self._note(request)
        if self.mode == "loading":
            return JSONResponse({"error": {"message": "Loading model"}}, 503)
        if self.mode == "error":
            return JSONResponse({"error": "out of memory"}, 500)
        if self.mode == "overflow":
            error = {
                "code": 400,
                "type": "exceed_context_size_error",
                "message": "request exceeds the context",
            }
            return JSONResponse({"error": error}, 400)
        return StreamingResponse(self._pieces(), media_type="text/event-stream")

    async def _pieces(self) -> AsyncIterator[str]:
        if self.mode == "endless":
            try:
                while True:
                    yield _chunk({"content": "and "}, None)
                    await anyio.sleep(0.01)
            finally:
                self.left.set()
        words = {"silent": [], "empty": []}.get(self.mode, ["The parrot", " is", " blue [1]."])
        for number, word in enumerate(words):
            if self.mode == "dies" and number == 2:
                return
            yield _chunk({"content": word}, None)
            while self.mode == "held" and not self.go_on.is_set():  # noqa: ASYNC110  # set in another thread
                await anyio.sleep(0.02)
        if self.mode != "silent":
            yield _chunk({}, "stop")
            yield "data: [DONE]\n\n"

    async def _embeddings(self, request: Request) -> Response:
        texts = await self._note(request)
        if self.mode == "html":
            return Response("<html>")
        if self.mode == "error":
            return JSONResponse({"error": "no such model"}, 404)
        wider = self.mode == "wider" and len(self.asked) > 1
        rows = [
            {"index": index, "embedding": self._vector(str(text), self.dimension + wider)}
            for index, text in enumerate(texts)
        ]
        if self.mode == "shape":
            rows = [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]
        return JSONResponse({"data": rows[1:] if self.mode == "count" else rows[::-1]})

    def _vector(self, text: str, dimension: int) -> list[float]:
        return [float(crc32(f"{text}{at}".encode()) % 1000) for at in range(dimension)]

    async def _note(self, request: Request) -> list[object]:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        texts = body.get("input", [])
        return list(texts)


def _chunk(delta: dict[str, str], finish_reason: str | None) -> str:
    return f"data: {json.dumps({'choices': [{'delta': delta, 'finish_reason': finish_reason}]})}\n\n"


@contextmanager
def serving(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an application on loopback in a thread, on a free port if none is named; gives its address."""
    ready = threading.Event()

    class _Server(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup()
            ready.set()

    server = _Server(uvicorn.Config(app, host, port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        if not ready.wait(20):
            raise TimeoutError("the server did not start")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def model_serving(mode: str = "ok") -> Iterator[ModelServer]:
    """Serve a model server that behaves as `mode` says."""
    server = ModelServer(mode)
    with serving(server.app()) as server.url:
        yield server
