"""Who may use the service: a program that sends the token, or a browser with the cookie it got for it."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto

from starlette.requests import HTTPConnection

COOKIE = "synapse_session"
LIFETIME = timedelta(days=7)


class Way(Enum):
    """How somebody was let in; nobody needs credentials while the service is open."""

    OPEN = auto()
    BEARER = auto()
    COOKIE = auto()


class Credentials:
    """Knows the token. What a browser keeps is its expiry, sealed with the token: no worker stores anything.

    So another token ends every session, and four workers agree. `token` None leaves the service open.
    """

    def __init__(self, token: str | None, clock: Callable[[], datetime]) -> None:
        self._token = None if token is None else token.encode()
        self._clock = clock

    @property
    def required(self) -> bool:
        """Whether anybody needs a token."""
        return self._token is not None

    def way(self, connection: HTTPConnection) -> Way | None:
        """Return how this connection is let in, None when it is not; a bearer that is sent must be right."""
        if self._token is None:
            return Way.OPEN
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Way.BEARER if self.is_token(given.strip()) else None
        return Way.COOKIE if self._is_valid(connection.cookies.get(COOKIE, "")) else None

    def is_token(self, given: str) -> bool:
        """Compare in a time that tells nothing of the token, nor of its length."""
        return self._token is None or hmac.compare_digest(_digest(given.encode()), _digest(self._token))

    def session(self) -> str:
        """Return the value of a cookie that is good for LIFETIME."""
        expires = str(int((self._clock() + LIFETIME).timestamp()))
        return f"{expires}.{self._seal(expires)}"

    def _is_valid(self, session: str) -> bool:
        expires, _, seal = session.partition(".")
        if not hmac.compare_digest(self._seal(expires).encode(), seal.encode()):
            return False
        # Sealed, so it is a number that we wrote.
        return self._clock().timestamp() < int(expires)

    def _seal(self, expires: str) -> str:
        return hmac.digest(self._token or b"", f"{COOKIE} until {expires}".encode(), "sha256").hex()


def _digest(secret: bytes) -> bytes:
    """Make two secrets equally long, as a comparison of lengths would tell one."""
    return hmac.digest(b"synapse", secret, "sha256")
