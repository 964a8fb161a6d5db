"""A way to a real S3 server that spoils some answers as a bad network does; a store that only refuses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_LENGTH = "x-length"
"""What an answer says of its length, where that is not the length of its body."""


@dataclass(slots=True)
class Answer:
    """What a caller gets; the connection is cut after `sent` bytes of the body, None for all of it."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    sent: int | None = None


Spoil = Callable[[str, str, Answer], Answer | None]
"""Given method, path and the true answer it returns what the caller gets; None cuts without an answer."""
Ask = Callable[[], Answer]
Between = Callable[[str, str, Ask], Answer | None]
"""Given method, path and what asks the true server it returns what the caller gets; None cuts."""


def refusal(code: str, status: int, method: str = "GET") -> Answer:
    """Return an S3 error."""
    body = f"<Error><Code>{code}</Code><Message>As the test wants it</Message></Error>".encode()
    return Answer(status, {}, b"" if method == "HEAD" else body)


@contextmanager
def between(
    endpoint: str, decide: Between, see: Callable[[str, str, dict[str, str]], None] | None = None
) -> Iterator[str]:
    """Give the address of a way to a server on which `decide` may answer itself.

    `see` is told method, path and headers of each request.
    """

    def forward(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        if see is not None:
            see(method, path, headers)
        return decide(method, path, lambda: forwarded(method, path, headers, body))

    with _way_to(endpoint) as forwarded, _serving(forward) as address:
        yield address


@contextmanager
def spoiled(endpoint: str, spoil: Spoil) -> Iterator[str]:
    """Give the address of a way to a server whose answers go through `spoil`."""

    def forward(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        return spoil(method, path, forwarded(method, path, headers, body))

    with _way_to(endpoint) as forwarded, _serving(forward) as address:
        yield address


@contextmanager
def unconditional(endpoint: str) -> Iterator[str]:
    """Give the address of a way to a server that refuses every conditional put, as some stores do."""

    def forward(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if method == "PUT" and "if-none-match" in {name.lower() for name in headers}:
            return Answer(501, {}, b"<Error><Code>NotImplemented</Code></Error>")
        return forwarded(method, path, headers, body)

    with _way_to(endpoint) as forwarded, _serving(forward) as address:
        yield address


@contextmanager
def refusing(status: int, code: str, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Give the address of a store that refuses every request with an S3 error."""

    def refuse(method: str, _path: str, _headers: dict[str, str], _body: bytes) -> Answer:
        return replace(refusal(code, status, method), headers=dict(headers or {}))

    with _serving(refuse) as address:
        yield address


@contextmanager
def _way_to(endpoint: str) -> Iterator[Callable[[str, str, dict[str, str], bytes], Answer]]:
    # One client for all: its certificates take longer to read than a request.
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield lambda method, path, headers, body: _true(
            method, client.request(method, endpoint + path, headers=headers, content=body)
        )


def _true(method: str, answer: httpx.Response) -> Answer:
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
    if method == "HEAD":
        kept[_LENGTH] = answer.headers.get("Content-Length", "0")
    return Answer(answer.status_code, kept, answer.content)


_Serve = Callable[[str, str, dict[str, str], bytes], Answer | None]


@contextmanager
def _serving(serve: _Serve) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Say nothing."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            if self.headers.get("Expect"):
                self.send_response_only(100)
                self.end_headers()
            body = self.rfile.read(length)
            answer = serve(self.command, self.path, dict(self.headers.items()), body)
            self.close_connection = True
            if answer is None:
                return
            self.send_response_only(answer.status)
            length = int(answer.headers.pop(_LENGTH, len(answer.body)))
            for name, value in {
                **answer.headers,
                "Content-Length": str(length),
                "Connection": "close",
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body if answer.sent is None else answer.body[: answer.sent])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
