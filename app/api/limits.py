"""Refuses bodies that are larger than the route takes, before they are in memory."""

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem

JSON_BYTES = 1_000_000
UPLOADS = "/api/documents/files"
# Otherwise the rest would be read, and thrown away, before the connection can be used again.
_NO_MORE = {"Connection": "close"}
_AS_FILE = f"Send a longer text as a file: on the page, or to {UPLOADS}."
_SPLIT = "Split the file, or send several one by one; MAX_DOCUMENT_BYTES says how long a text may be."
_LINGER_S = 5.0
_LINGER_BYTES = 64 << 20


class BodyLimit:
    """Counts what comes in, as a length may be absent or a lie; files may be larger than JSON."""

    def __init__(self, app: ASGIApp, upload_bytes: int) -> None:
        self._app = app
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        uploads = scope["path"] == UPLOADS
        limit = self._upload_bytes if uploads else JSON_BYTES
        too_large = f"The request has more than {limit:,} bytes", _SPLIT if uploads else _AS_FILE
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            await problem(scope, 413, *too_large, _NO_MORE)(scope, receive, _lingering(receive, send))
            return
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, too_large[0], _NO_MORE)
            return message

        await self._app(scope, receive_counted, send)


def _lingering(receive: Receive, send: Send) -> Send:
    """End an answer only when its reader has it, or has sent some more.

    A connection that is closed while the other side still sends is reset, and what it was told is lost: to a
    proxy that looks as if nobody had answered.
    """

    async def linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        left = _LINGER_BYTES
        with anyio.move_on_after(_LINGER_S):
            while left > 0:
                more = await receive()
                if more["type"] != "http.request" or not more.get("more_body"):
                    break
                left -= len(more.get("body", b""))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return linger
