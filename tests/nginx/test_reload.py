"""A reload and a stop drop nothing that has begun."""

import http.client
import signal
import threading
from contextlib import closing

from tests.nginx.answers import ask
from tests.nginx.echo import Echo, echo
from tests.nginx.front import front
from tests.nginx.pages import lay_page

RELOADS = 5
SENDERS = 8


def test_reloads_under_load_drop_no_request() -> None:
    """Eight clients ask for the page and the API all the while; every answer is good."""
    over = threading.Event()
    answered: list[int] = []
    failed: list[Exception] = []

    def ask_on(port: int, path: str) -> None:
        while not over.is_set():
            try:
                answered.append(ask(port, path).status)
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

    with echo() as backend, front(backend.port) as web:
        lay_page(web.page)
        paths = ["/", "/api/x"] * (SENDERS // 2)
        senders = [threading.Thread(target=ask_on, args=(web.port, path)) for path in paths]
        for sender in senders:
            sender.start()
        for _ in range(RELOADS):
            before = len(answered)
            web.reload()
            while len(answered) < before + 50 and not failed:
                over.wait(0.01)
        over.set()
        for sender in senders:
            sender.join()
    assert failed == []
    assert set(answered) == {200}
    assert len(answered) >= RELOADS * 50


def test_a_stop_ends_what_has_begun(backend: Echo) -> None:
    """Docker's request to stop lets a streamed answer come to its end, and ends with code 0."""
    backend.go_on.clear()
    with (
        front(backend.port) as web,
        closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)) as connection,
    ):
        connection.request("GET", "/api/query/stream")
        stream = connection.getresponse()
        assert stream.readline() == b"event: first\n"
        web.process.send_signal(signal.SIGQUIT)
        backend.go_on.set()
        assert stream.read().endswith(b"event: last\ndata: {}\n\n")
        assert web.process.wait(20) == 0
