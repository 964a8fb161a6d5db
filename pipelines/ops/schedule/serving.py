"""The small HTTP server of the scheduler: one request at a time, in a thread of its own, for reading only."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from pipelines.ops.errors import OpsError

_PATIENCE_S = 3.0
"""A caller that says nothing for so long is left."""

Answer = Callable[[str], tuple[int, str, str]]
"""Takes a path; returns the status, the media type and the body."""


class _Server(HTTPServer):
    address_family = socket.AF_INET
    request_queue_size = 32

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a caller that went away is no news."""


@contextmanager
def serving(address: tuple[str, int], answer: Answer) -> Iterator[int]:
    """Serve until the block ends; gives the port. Raises OpsError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        server = type("Server", (_Server,), {"address_family": family})(address, _handler(answer))
    except OSError as error:
        raise OpsError(
            f"{address[0]}:{address[1]} cannot be listened on ({error.strerror}).",
            "Set SYNAPSE_SCHEDULE_LISTEN to an address of this machine that is free.",
        ) from error
    with server:
        thread = threading.Thread(target=server.serve_forever, name="pages", daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version = "Synapse"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None:
            """Keep the log for the jobs."""

        def _answer(self, *, body: bool) -> None:
            status, media_type, text = answer(self.path.partition("?")[0])
            data = text.encode()
            self.send_response(HTTPStatus(status))
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if body:
                self.wfile.write(data)

    return Handler
