"""Stands before every route: the right host, credentials, and a page of ours for what changes something."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.requests import HTTPConnection
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.api.credentials import Credentials, Way
from app.api.errors import problem
from app.api.origins import is_from_ours, is_ours

ANY_HOST = frozenset({"/health", "/metrics"})
"""Probes and scrapers call by whatever name they have; both tell a stranger next to nothing."""
PUBLIC = ("/api/login", "/api/openapi.json", "/api/docs")
"""The way in, and a description of the API that is the same in every installation and holds no data."""
CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may come in: by which name (Host, without port), with what, and from the pages of which origins."""

    credentials: Credentials
    hosts: Collection[str]
    origins: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    what: str
    hint: str
    headers: Mapping[str, str] = field(default_factory=dict)


_UNKNOWN = _Refusal(
    401,
    "This needs the token of the service.",
    "Send it as `Authorization: Bearer <token>`, or sign in on the page.",
    CHALLENGE,
)


class Guard:
    """Lets in or refuses, before anything of a body is read. Routes find the `Way` in `request.state.way`."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        way = self._rules.credentials.way(connection)
        scope.setdefault("state", {})["way"] = way
        refusal = self._refusal(connection, way)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(refusal, scope, receive, send)
        else:
            await _close(refusal, WebSocket(scope, receive, send))

    def _refusal(self, connection: HTTPConnection, way: Way | None) -> _Refusal | None:
        path, headers = connection.scope["path"], connection.headers
        if path not in ANY_HOST and not is_ours(headers, self._rules.hosts):
            return _misdirected(headers.get("host", ""))
        if way is None and _is_private(path):
            return _UNKNOWN
        if way is Way.BEARER or connection.scope.get("method") in _SAFE:
            return None
        # Without a token in the request the browser itself may have been made to send it (CSRF).
        if is_from_ours(headers, self._rules.origins, told=way is Way.COOKIE):
            return None
        return _Refusal(
            403,
            "This was sent by a page of another origin, or does not say by which.",
            "Use the page of this host, add its origin to CORS_ORIGINS, or send the token as a bearer.",
        )


def _is_private(path: str) -> bool:
    if path in PUBLIC or path.startswith("/api/docs/"):
        return False
    return path in {"/api", "/ws"} or path.startswith(("/api/", "/ws/"))


def _misdirected(host: str) -> _Refusal:
    name = host[:100] if host.isprintable() else ""
    return _Refusal(
        421,
        f"This service is not called {name!r}.",
        "Use one of its names, or add this one to ALLOWED_HOSTS.",
    )


async def _answer(refusal: _Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    _log.info("refused", status=refusal.status, what=refusal.what)
    response = problem(scope, refusal.status, refusal.what, refusal.hint, refusal.headers)
    await response(scope, receive, send)


async def _close(refusal: _Refusal, socket: WebSocket) -> None:
    _log.info("refused", status=refusal.status, what=refusal.what)
    if refusal is _UNKNOWN:
        # A page is told the code of an open socket alone, and must know that it has to sign in.
        await socket.accept()
        await socket.close(WS_1008_POLICY_VIOLATION, refusal.what)
    elif "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(
            problem(socket.scope, refusal.status, refusal.what, refusal.hint, refusal.headers)
        )
    else:
        await socket.close(WS_1008_POLICY_VIOLATION)
