"""A registry over HTTP: requests signed as it asks for it (basic or bearer), failures as sentences."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from pipelines.ops.errors import OpsError, UnreachableError, UsageError
from pipelines.ops.images.login import Login
from pipelines.ops.images.reference import Reference

Body = Callable[[], Iterator[bytes]]
"""Gives the content anew for each try."""

_CHALLENGE = re.compile(r'([A-Za-z]+)="([^"]*)"')
_TOO_BUSY = 429
_BROKEN = 500
_LONG = httpx.Timeout(60.0, connect=10.0, write=300.0, read=300.0)


class PassingError(UnreachableError):
    """What may be gone in a moment: a broken connection, a registry that is busy."""


class Registry:
    """One repository of a registry; UnreachableError when it does not answer or does not let us in."""

    def __init__(
        self, client: httpx.Client, reference: Reference, *, plain: bool, login: Login | None
    ) -> None:
        self._client = client
        self._reference = reference
        self._root = httpx.URL(f"{'http' if plain else 'https'}://{reference.address}/v2/")
        self._login = login
        self._signature: str | None = None

    def url(self, path: str) -> httpx.URL:
        """Return the address of something in the repository."""
        return self._root.join(f"{self._reference.path}/{path}")

    def elsewhere(self, location: str) -> httpx.URL:
        """Return the address that the registry sends us to. Raises OpsError when TLS ends there."""
        url = self._root.join(location)
        if self._root.scheme == "https" and url.scheme != "https":
            raise OpsError(
                f"The registry {self._reference.host} sends us to {url.scheme}://{url.host} without TLS.",
                "Have its proxy pass X-Forwarded-Proto on.",
            )
        return url

    def ask(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> httpx.Response:
        """Send a request, signing in when asked to; return the answer, which may say no."""
        answer = self._send(method, url, headers or {}, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._signs(url):
            self._signature = self._sign(answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(method, url, headers or {}, body)
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise self._not_let_in(answer)
        if answer.status_code == _TOO_BUSY or answer.status_code >= _BROKEN:
            raise PassingError(
                f"The registry {self._reference.host} answers {answer.status_code}: {_reason(answer)}.",
                "Try again later, or look at the registry's log.",
            )
        return answer

    def _signs(self, url: httpx.URL) -> bool:
        return (url.scheme, url.netloc) == (self._root.scheme, self._root.netloc)

    def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: Body | None
    ) -> httpx.Response:
        signed = {"Authorization": self._signature} if self._signature and self._signs(url) else {}
        try:
            return self._client.request(
                method,
                url,
                headers={**headers, **signed},
                content=body() if body else None,
                follow_redirects=method in {"GET", "HEAD"},
                timeout=_LONG,
            )
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            kind = UnreachableError if isinstance(error, httpx.ConnectError) else PassingError
            where = f"{url.scheme}://{url.netloc.decode()}"
            raise kind(
                f"The registry {self._reference.host} does not answer at {where}: {str(error).rstrip('.')}.",
                "Check its address and that it runs; one without TLS needs --plain-http.",
            ) from error

    def _sign(self, challenge: str) -> str:
        """Return what signs the next requests. Raises UnreachableError, UsageError."""
        scheme, _, rest = challenge.partition(" ")
        asked = dict(_CHALLENGE.findall(rest))
        if scheme.lower() == "basic":
            if self._login is None:
                raise self._login_needed()
            return _basic(self._login)
        if scheme.lower() != "bearer" or "realm" not in asked:
            raise UsageError(
                f"The registry {self._reference.host} asks for an unknown kind of login: {scheme or 'none'}.",
                "Use a registry with basic or bearer logins.",
            )
        return f"Bearer {self._token(asked)}"

    def _token(self, asked: Mapping[str, str]) -> str:
        realm = self.elsewhere(asked["realm"])
        scope = f"repository:{self._reference.path}:pull,push"
        query = {"scope": scope, **({"service": asked["service"]} if "service" in asked else {})}
        headers = {"Authorization": _basic(self._login)} if self._login else {}
        try:
            answer = self._client.get(realm.copy_merge_params(query), headers=headers, timeout=_LONG)
            given = answer.json() if answer.is_success else {}
        except (httpx.TransportError, ValueError) as error:
            raise UnreachableError(
                f"{realm.host}, which signs for {self._reference.host}, does not answer: {error}.",
                "Try again later.",
            ) from error
        token = given.get("token") or given.get("access_token") if isinstance(given, dict) else None
        if not isinstance(token, str):
            raise self._not_let_in(answer) if self._login else self._login_needed()
        return token

    def _login_needed(self) -> UnreachableError:
        return UnreachableError(
            f"The registry {self._reference.host} asks for a login.",
            "Name a file that holds it with --login-file.",
        )

    def _not_let_in(self, answer: httpx.Response) -> UnreachableError:
        who = f"lets {self._login.name} not push" if self._login else "lets nobody push without a login"
        return UnreachableError(
            f"The registry {self._reference.host} {who} to {self._reference}"
            f" ({answer.status_code}: {_reason(answer)}).",
            "Check the name, the password and the rights in --login-file.",
        )


def refused(registry: str, what: str, answer: httpx.Response) -> OpsError:
    """Say that a registry does not take something."""
    return OpsError(
        f"The registry {registry} does not take {what} ({answer.status_code}: {_reason(answer)}).",
        "Look at the registry's log; if it says that a digest is wrong, write the layout again.",
    )


def _basic(login: Login) -> str:
    pair = f"{login.name}:{login.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _reason(answer: httpx.Response) -> str:
    """Return the registry's own words, or those of HTTP."""
    try:
        first: Any = answer.json()["errors"][0]
        return f"{first.get('code', '')} {first.get('message', '')}".strip().rstrip(".")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return answer.reason_phrase or "no reason given"
