"""Asks over HTTP without making the address plain, and keeps every header of the answer, also twice."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return each value of a header."""
        return [value for given, value in self.headers if given.lower() == name.lower()]

    def one(self, name: str) -> str:
        """Return the value of a header that must be there once."""
        (value,) = self.all(name)
        return value

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)

    def problem(self) -> dict[str, str]:
        """Return the problem that the body must be, in the form of the backend's."""
        assert self.one("Content-Type") == "application/json"
        (error,) = [dict(self.json()["error"])]
        assert set(error) == {"what", "hint", "request_id"}
        assert all(error.values())
        return error


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
) -> Answer:
    """Send a request to loopback; the path goes out as it is."""
    connection = HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return _whole(connection.getresponse())
    finally:
        connection.close()


def ask_raw(port: int, request: bytes) -> Answer:
    """Send bytes that may be no request at all."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        return _whole(response)


def _whole(response: HTTPResponse) -> Answer:
    return Answer(response.status, tuple(response.getheaders()), response.read())
