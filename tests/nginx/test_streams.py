"""Nothing is held back: events come as they are made, uploads go as they come, and who leaves is let go."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.nginx.echo import Echo
from tests.nginx.front import Front, front
from tests.waiting import wait_until

_MANY = 400
_PATIENCE_S = 10.0
"""Less than the backend's, which ends a stream by itself at last."""


@contextmanager
def _streaming(web: Front) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=_PATIENCE_S)) as connection:
        connection.request("POST", "/api/query/stream", b"{}", {"Accept-Encoding": "gzip"})
        yield connection.getresponse()


def test_the_first_event_arrives_before_the_last_is_made(web: Front, backend: Echo) -> None:
    """And is not compressed, which would hold it back."""
    backend.go_on.clear()
    with _streaming(web) as stream:
        first = [stream.readline() for _ in range(3)]
        backend.go_on.set()
        rest = stream.read()
        assert stream.getheader("Content-Encoding") is None
    assert first == [b"event: first\n", b"data: {}\n", b"\n"]
    assert rest == b"event: last\ndata: {}\n\n"


def test_events_that_come_without_chunks_are_not_held_back() -> None:
    """Such a stream ends with its connection, and nginx would wait for a full buffer."""
    go_on = threading.Event()

    def stream() -> None:
        asker, _ = listener.accept()
        with asker:
            asker.recv(65536)
            asker.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nfirst\n")
            go_on.wait(30)
            asker.sendall(b"last\n")

    with socket.create_server(("127.0.0.1", 0)) as listener, front(listener.getsockname()[1]) as web:
        backend = threading.Thread(target=stream)
        backend.start()
        with _streaming(web) as streamed:
            assert streamed.readline() == b"first\n"
            go_on.set()
            assert streamed.read() == b"last\n"
        backend.join()


def test_a_stream_outlives_a_reload(web: Front, backend: Echo) -> None:
    """The old worker ends what it has begun."""
    backend.go_on.clear()
    with _streaming(web) as stream:
        assert stream.readline() == b"event: first\n"
        web.reload()
        assert web.ask("/").status == 200
        backend.go_on.set()
        assert stream.read().endswith(b"event: last\ndata: {}\n\n")


def test_an_upload_goes_on_while_it_comes(web: Front, backend: Echo) -> None:
    """So that the backend can refuse before all of it is here."""
    backend.arrived.clear()
    half = b"x" * 500_000
    head = b"POST /api/documents/files HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sender:
        sender.sendall(head + half)
        assert backend.arrived.wait(20)
        sender.sendall(half)
        answer = http.client.HTTPResponse(sender)
        answer.begin()
        assert answer.read() == b'{"bytes":1000000}'


def test_a_body_of_json_is_collected_first(web: Front) -> None:
    """A slow sender holds a connection to nginx, none to the backend."""
    head = b"POST /api/x HTTP/1.1\r\nHost: a\r\nX-Request-ID: left\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sender:
        sender.sendall(head + b"x")
    assert web.told("left")["backend"] == ""


def test_an_answer_before_the_end_of_the_body_comes_through(web: Front) -> None:
    """The backend refuses without reading; had it closed at once, its answer would often be lost."""
    for _ in range(20):
        assert web.ask("/api/status/401", "POST", b"x" * 900_000).status == 401


def test_hundreds_of_questions_may_be_open_at_once(web: Front, backend: Echo) -> None:
    """None is refused while the others wait, and each gets its answer."""
    backend.go_on.clear()
    before = backend.asked
    with ExitStack() as opened:
        askers = [
            opened.enter_context(socket.create_connection(("127.0.0.1", web.port), timeout=30))
            for _ in range(_MANY)
        ]
        for asker in askers:
            asker.sendall(b"GET /api/silent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        wait_until(lambda: backend.asked >= before + _MANY, "all have reached the backend")
        backend.go_on.set()
        assert {asker.recv(15) for asker in askers} == {b"HTTP/1.1 200 OK"}
