"""A backend that tells what reached it, streams when it is let, and sends headers that are ours to send."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.app.doubles import serving

EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_DOUBLED = {
    "Content-Security-Policy": "default-src *",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "origin",
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Permissions-Policy": "camera=*",
}


@dataclass
class Echo:
    """The backend: `go_on` lets a stream end and a silent answer come.

    `arrived` tells of a silent question or the first bytes of an upload, `asked` counts the silent ones.
    """

    url: str = ""
    go_on: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    def app(self) -> Starlette:
        """Return it as an application."""
        return Starlette(
            routes=[
                Route("/api/query/stream", self._stream, methods=["GET", "POST"]),
                Route("/api/documents/files", self._take, methods=["POST"]),
                Route("/api/silent", self._silent),
                Route("/api/status/{status:int}", self._status, methods=EVERY_METHOD),
                Route("/health", self._health),
                Route("/{path:path}", self._tell, methods=EVERY_METHOD),
            ]
        )

    async def _tell(self, request: Request) -> Response:
        body = await request.body()
        seen = {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": [(name.decode(), value.decode()) for name, value in request.headers.raw],
            "bytes": len(body),
        }
        headers = _DOUBLED | {"X-Request-ID": request.headers["X-Request-ID"]}
        return JSONResponse(seen | {"padding": "x" * 2000}, headers=headers)

    async def _health(self, request: Request) -> Response:
        if "silent" in request.query_params:
            await self._allowed()
        return JSONResponse({"state": "ok"}, headers={"Cache-Control": "no-store"})

    async def _silent(self, request: Request) -> Response:
        self.asked += 1
        self.arrived.set()
        await self._allowed()
        return JSONResponse({})

    async def _status(self, request: Request) -> Response:
        status = request.path_params["status"]
        return JSONResponse(
            {"error": "mine"}, status, headers=_DOUBLED | {"Retry-After": "77", "Allow": "POST"}
        )

    async def _take(self, request: Request) -> Response:
        taken = 0
        async for piece in request.stream():
            taken += len(piece)
            self.arrived.set()
        return JSONResponse({"bytes": taken}, headers=_DOUBLED)

    async def _stream(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_DOUBLED)

    async def _events(self) -> AsyncIterator[str]:
        yield "event: first\ndata: {}\n\n"
        await self._allowed()
        yield "event: last\ndata: {}\n\n"

    async def _allowed(self) -> None:
        await anyio.to_thread.run_sync(self.go_on.wait, 30, abandon_on_cancel=True)


@contextmanager
def echo() -> Iterator[Echo]:
    """Run one on a free port."""
    backend = Echo()
    with serving(backend.app()) as backend.url:
        try:
            yield backend
        finally:
            backend.go_on.set()
