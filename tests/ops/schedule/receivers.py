"""Real receivers for tests: an HTTP server that keeps what it is sent, and a mail server with STARTTLS."""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.certificates import Certificates


@dataclass
class Web:
    """What was sent to an HTTP server: paths and bodies. It answers with `status`."""

    port: int = 0
    status: int = 200
    got: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _ in self.got]

    def document(self, path: str) -> dict[str, object]:
        """Return the newest JSON document that was sent to a path."""
        return self.documents(path)[-1]

    def documents(self, path: str) -> list[dict[str, object]]:
        """Return the JSON documents that were sent to a path, in order."""
        return [json.loads(body) for at, body in self.got if at == path]


@contextmanager
def web(host: str = "127.0.0.1") -> Iterator[Web]:
    """Run an HTTP server that keeps what is POSTed, at an address of this machine."""
    kept = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            kept.got.append((self.path, body))
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        kept.port = server.server_address[1]
        with _threaded(server):
            yield kept


@dataclass
class Post:
    """What was sent to a mail server: messages with who they are for, and the logins that it saw."""

    port: int = 0
    messages: list[tuple[list[str], str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def post_office(certificates: Certificates) -> Iterator[Post]:
    """Run a mail server that knows STARTTLS and AUTH PLAIN."""
    kept = Post()
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(certificates.certificate, certificates.key)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ssl.SSLError):
                _serve(self, kept, trusted)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        with _threaded(server):
            yield kept


def _serve(handler: socketserver.StreamRequestHandler, kept: Post, trusted: ssl.SSLContext) -> None:
    channel, encrypted, to = handler.request, False, list[str]()
    stream = channel.makefile("rwb")

    def say(line: str) -> None:
        stream.write(line.encode() + b"\r\n")
        stream.flush()

    say("220 here")
    while line := stream.readline():
        word, _, rest = line.decode().strip().partition(" ")
        match word.upper():
            case "EHLO":
                say("250-here\r\n250 AUTH PLAIN" if encrypted else "250-here\r\n250 STARTTLS")
            case "STARTTLS":
                say("220 go on")
                channel, encrypted = trusted.wrap_socket(channel, server_side=True), True
                stream = channel.makefile("rwb")
            case "AUTH":
                kept.logins.append(base64.b64decode(rest.split()[1]).decode().replace("\0", " ").strip())
                say("235 welcome")
            case "RCPT":
                to.append(rest)
                say("250 known")
            case "DATA":
                say("354 go on")
                lines = list(iter(stream.readline, b".\r\n"))
                kept.messages.append((to, b"".join(lines).decode()))
                kept.encrypted.append(encrypted)
                say("250 taken")
            case "QUIT":
                say("221 bye")
                break
            case _:
                say("250 fine")
    stream.close()
    channel.close()


@contextmanager
def _threaded(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
