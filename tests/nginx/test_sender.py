"""What the backend is told about the sender, and what the logs keep of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nginx.answers import Answer
from tests.nginx.echo import Echo
from tests.nginx.front import Front, front

FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-IP": "203.0.113.8",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=203.0.113.9;proto=https",
}


def seen(answer: Answer) -> dict[str, str]:
    """Return the headers that reached the backend, each of which came once."""
    pairs = answer.json()["headers"]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.fixture(scope="module")
def terminated(backend: Echo, program: Path) -> Iterator[Front]:
    """Run an nginx that believes a TLS terminator on loopback."""
    trusted = "set_real_ip_from 127.0.0.1;\nset_real_ip_from 10.0.0.0/8;\n"
    with front(backend.port, trusted, program) as running:
        yield running


def test_the_outside_cannot_say_who_it_is(web: Front) -> None:
    """The client is who connected; what it says about itself goes no further."""
    headers = seen(web.ask("/api/x", headers=FORGED))
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == f"127.0.0.1:{web.port}"
    assert {"forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"}.isdisjoint(headers)


def test_a_terminator_that_is_named_is_believed(terminated: Front) -> None:
    """It says who connected to it, and by which scheme; no more."""
    answer = terminated.ask("/api/x", headers=FORGED)
    headers = seen(answer)
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "203.0.113.7"
    assert headers["x-forwarded-proto"] == "https"
    assert {"forwarded", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"}.isdisjoint(headers)
    assert terminated.told(answer)["client"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("nonsense", "127.0.0.1"),
    ],
)
def test_only_the_part_that_trusted_ones_wrote_counts(terminated: Front, chain: str, client: str) -> None:
    """What a client wrote before them stands further left."""
    headers = seen(terminated.ask("/api/x", headers={"X-Forwarded-For": chain}))
    assert headers["x-forwarded-for"] == client


@pytest.mark.parametrize("scheme", ["ftp", "https, http", 'https"', ""])
def test_a_scheme_that_is_none_is_not_passed_on(terminated: Front, scheme: str) -> None:
    """The connection's own is."""
    said = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": scheme}
    headers = seen(terminated.ask("/api/x", headers=said))
    assert headers["x-forwarded-proto"] == "http"


def test_the_host_is_passed_with_its_port(web: Front) -> None:
    """The backend decides by it, and compares it with the origin."""
    assert seen(web.ask("/api/x", headers={"Host": "synapse.example:8443"}))["host"] == "synapse.example:8443"


@pytest.mark.parametrize("given", ["mine-1.2_3", "a" * 64])
def test_a_request_keeps_its_id(web: Front, given: str) -> None:
    """In the answer, at the backend and in the log."""
    answer = web.ask("/api/x", headers={"X-Request-ID": given})
    assert answer.one("X-Request-ID") == seen(answer)["x-request-id"] == given
    assert web.told(answer)["request_id"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, 'a"b', "a b", "a,b", "<script>"])
def test_an_id_of_another_form_is_replaced(web: Front, given: str) -> None:
    """By one that is the same everywhere."""
    answer = web.ask("/api/x", headers={"X-Request-ID": given})
    assert answer.one("X-Request-ID") == seen(answer)["x-request-id"] == web.told(answer)["request_id"]
    assert len(answer.one("X-Request-ID")) == 32


def test_only_the_websocket_is_upgraded(web: Front) -> None:
    """Any other protocol, or at another place, would be a tunnel past what is held here."""
    socket = {"Connection": "Upgrade", "Upgrade": "WebSocket"}
    assert b"Failed to open a WebSocket connection" in web.ask("/ws", headers=socket).body
    assert "upgrade" not in seen(web.ask("/api/x", headers=socket))
    assert "upgrade" not in seen(web.ask("/ws", headers={"Connection": "Upgrade", "Upgrade": "h2c"}))


def test_the_log_is_json_without_what_is_private(web: Front) -> None:
    """No query, cookie, token, referrer; hostile bytes stay inside their text."""
    private = {
        "Cookie": "synapse_session=hidden-cookie",
        "Authorization": "Bearer hidden-token",
        "Referer": "http://a/?hidden-referrer",
    }
    path = "/api/a%22b?token=hidden-query"
    good = web.told(web.ask(path, "POST", b"hidden-body", {"User-Agent": "browser", **private}))
    hostile = web.told(web.ask('/assets/a"b', headers={"User-Agent": '"c\\\x7f\xff'}))
    assert (good["method"], good["path"], good["status"]) == ("POST", "/api/a%22b", 200)
    assert (good["client"], good["agent"]) == ("127.0.0.1", "browser")
    assert good["backend"].startswith("127.0.0.1:")
    assert float(good["backend_seconds"]) >= 0
    assert (hostile["path"], hostile["status"], hostile["agent"][:3]) == ('/assets/a"b', 404, '"c\\')
    assert "hidden" not in (web.folder / "stdout").read_text(errors="replace") + web.errors()


def test_good_answers_about_health_are_not_told(web: Front) -> None:
    """The page and every watch ask for it all the time."""
    before = len(web.requests())
    assert web.ask("/health").status == 200
    web.told(web.ask("/api/x"))
    assert [line["path"] for line in web.requests()[before:]] == ["/api/x"]
