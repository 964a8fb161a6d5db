"""Serves the web page itself, where no nginx stands before the service (PAGE_DIR)."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import SynapseError

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_NOT_FOUND = 404
_OTHERS = ("/api", "/ws", "/health", "/metrics", "/assets")


class Page:
    """Takes what no route has: a file of the folder, else `index.html`, which knows its own addresses.

    Raises SynapseError when there is no page in the folder. `otherwise` gets what is none of the page's.
    """

    def __init__(self, folder: Path, otherwise: ASGIApp) -> None:
        if not (folder / "index.html").is_file():
            raise SynapseError(
                f"PAGE_DIR={folder} holds no index.html.", "Build the page there, or unset PAGE_DIR."
            )
        self._files = StaticFiles(directory=folder)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        found = await self._find(scope) if scope["type"] == "http" else None
        await (found or self._otherwise)(scope, receive, send)

    async def _find(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        found = await self._file(path, scope)
        if found is None and not any(path == other or path.startswith(f"{other}/") for other in _OTHERS):
            found = await self._file("/index.html", scope)
        if found is not None:
            # A name in assets/ holds the hash of what is in the file.
            found.headers["Cache-Control"] = _FOR_EVER if path.startswith("/assets/") else _ASK_AGAIN
        return found

    async def _file(self, path: str, scope: Scope) -> Response | None:
        try:
            return await self._files.get_response(path.lstrip("/"), scope)
        except HTTPException as error:
            if error.status_code != _NOT_FOUND:
                raise
            return None
