"""The backend dies and comes back behind nginx."""

import signal
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.nginx.pages import lay_page
from tests.nginx.whole import whole_in
from tests.waiting import wait_until


def test_a_backend_that_is_killed_is_missed_and_found_again(tmp_path: Path) -> None:
    """A problem meanwhile, the page stays, and no reload is needed; the websocket ends at once."""
    with whole_in(tmp_path) as stack:
        lay_page(stack.web.page)
        address = stack.web.url.replace("http", "ws") + "/ws"
        with stack.backend() as backend, connect(address, proxy=None) as socket:
            socket.recv(10)
            backend.process.send_signal(signal.SIGKILL)
            backend.process.wait()
            with pytest.raises(ConnectionClosedError):
                socket.recv(10)
            answer = stack.web.ask("/api/documents")
            assert answer.status == 502
            assert answer.problem()["what"] == "The backend cannot be reached."
            assert stack.web.ask("/health").status == 502
            assert stack.web.ask("/").status == 200
        with stack.backend():
            wait_until(lambda: stack.web.ask("/health").status == 200, "the backend is found again")
            assert stack.web.ask("/api/documents").status == 200
