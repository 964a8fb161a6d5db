"""A backend that is down, gone, moved, hung or refusing is a problem in the backend's own form."""

import socket
import threading
from contextlib import suppress

import pytest

from app.api.limits import JSON_BYTES
from tests.app.doubles import serving
from tests.nginx.answers import Answer
from tests.nginx.echo import Echo
from tests.nginx.front import Front, front
from tests.nginx.headers import check
from tests.nginx.pages import lay_page
from tests.ports import free_port
from tests.waiting import wait_until


def problem(answer: Answer, status: int) -> str:
    """Check a problem that nginx made; returns what it says."""
    assert answer.status == status
    check(answer)
    found = answer.problem()
    assert found["request_id"] == answer.one("X-Request-ID")
    assert answer.one("Cache-Control") == "no-store"
    if status in {502, 503, 504}:
        assert answer.one("Retry-After") == "5"
        assert "log of the backend" in found["hint"]
    return found["what"]


@pytest.mark.parametrize(
    "path", ["/api/documents", "/api/query/stream", "/api/documents/files", "/ws", "/health"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_backend_that_is_down_is_a_problem_and_the_page_stays(path: str, method: str) -> None:
    """At every address; the page can say what is wrong."""
    with front(free_port()) as web:
        lay_page(web.page)
        answer = web.ask(path, method, b"{}" if method == "POST" else None)
        assert problem(answer, 502) == "The backend cannot be reached."
        assert web.ask("/").status == 200
        assert "Connection refused" in web.errors()


def test_a_backend_that_comes_back_elsewhere_is_found() -> None:
    """Its container is gone, then there with another address: no reload, no restart."""
    echo, port = Echo(), free_port()
    with front(port) as web:
        with serving(echo.app(), "127.0.0.1", port):
            assert web.ask("/api/x").status == 200
        web.names.address = None
        # Each worker remembers for itself.
        wait_until(lambda: _backend(web, 502) == "", "the old address is forgotten")
        web.names.address = "127.0.0.2"
        with serving(echo.app(), "127.0.0.2", port):
            wait_until(lambda: _backend(web, 200) == f"127.0.0.2:{port}", "the new address is found")


def _backend(web: Front, status: int) -> str | None:
    answer = web.ask("/api/x")
    if answer.status == 502:
        assert problem(answer, 502) == "The backend cannot be reached."
    return str(web.told(answer)["backend"]) if answer.status == status else None


def test_a_backend_that_hangs_is_noticed_and_a_question_may_take_long(web: Front, backend: Echo) -> None:
    """Whoever asks about health hears of it in seconds; a question is answered after that."""
    backend.go_on.clear()
    backend.arrived.clear()
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(web.ask("/api/silent")))
    asking.start()
    assert backend.arrived.wait(20)
    assert problem(web.ask("/health?silent"), 504) == "The backend did not answer in time."
    backend.go_on.set()
    asking.join()
    assert answers[0].status == 200


@pytest.mark.parametrize(
    ("path", "says", "remedy"),
    [
        ("/api/documents", "The request is larger", "as a file"),
        ("/api/documents/files", "This is larger than the server takes in one upload.", "Split the file"),
        ("/api/query/stream", "The request is larger", "as a file"),
    ],
)
def test_a_body_that_is_too_large_is_refused_early(web: Front, path: str, says: str, remedy: str) -> None:
    """The sender hears it though it has not sent a byte of the body."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sender:
        sender.sendall(head.encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 413 ")
    whole = web.ask(path, "POST", b"x" * 60_000_000)
    assert problem(whole, 413).startswith(says)
    assert remedy in whole.problem()["hint"]


def test_whoever_guesses_the_token_has_to_wait(backend: Echo) -> None:
    """Ten tries at once; then a problem. Whoever guesses nothing, or is elsewhere, is served as before."""
    with front(backend.port, "set_real_ip_from 127.0.0.1;\n") as web:
        lay_page(web.page)
        here, elsewhere = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (7, 8))
        tried = [web.ask("/api/login", "POST", b"{}", here) for _ in range(20)]
        assert {one.status for one in tried[:10]} == {200}
        assert problem(tried[-1], 429) == "Too many sign-ins were tried from this address."
        assert "Wait" in tried[-1].problem()["hint"]
        assert tried[-1].one("Retry-After") == "5"
        for path in ("/", "/api/login", "/api/documents"):
            assert {web.ask(path, headers=here).status for _ in range(20)} == {200}
        assert web.ask("/api/login", "POST", b"{}", elsewhere).status == 200


def test_a_body_without_a_length_is_counted(web: Front) -> None:
    """Chunks add up."""
    chunk = b"%x\r\n" % JSON_BYTES + b"x" * JSON_BYTES + b"\r\n"
    head = b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as sender:
        sender.sendall(head + chunk + chunk[:500_000])
        assert sender.recv(100).startswith(b"HTTP/1.1 413 ")


def test_who_never_ends_a_request_is_let_go(web: Front) -> None:
    """Within the seconds that the limits give, without an answer."""
    with (
        socket.create_connection(("127.0.0.1", web.port), timeout=20) as slow,
        socket.create_connection(("127.0.0.1", web.port), timeout=20) as silent,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for sender in (slow, silent):
            with suppress(ConnectionResetError):
                assert sender.recv(100) == b""
