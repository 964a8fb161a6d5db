"""What the outside may reach of the backend: no metrics, no path that two readers read differently."""

import pytest

from tests.nginx.front import Front


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/metrics?x=/api/",
        "/METRICS",
        "/Metrics",
        "//metrics",
        "///metrics",
        "/./metrics",
        "/api/../metrics",
        "/api//../metrics",
        "/api/%2e%2e/metrics",
        "/api/..%2fmetrics",
        "/api/..%2Fmetrics",
        "/api/..%5cmetrics",
        "/api/..\\metrics",
        "/health/../metrics",
        "/health%2f..%2fmetrics",
        "/%6detrics",
        "/%6D%65%74%72%69%63%73",
        "/metrics#/api/",
        "/metrics/../api/documents",
        "/metrics%2f..%2fapi/documents",
        "/ws/../metrics",
        "http://a/metrics",
        "/api/.%2e/metrics",
    ],
)
def test_metrics_are_not_there(web: Front, path: str) -> None:
    """Whatever the address looks like; the backend would answer with its own body."""
    answer = web.ask(path)
    assert answer.status == 404
    assert answer.problem()["what"] == "There is nothing at this address."


@pytest.mark.parametrize("path", ["/health/", "/HEALTH", "/ws/", "/API/documents", "/health/x"])
def test_other_spellings_of_the_backend_are_not_the_page(web: Front, path: str) -> None:
    """A watch on the wrong address would see a good page for ever."""
    assert web.ask(path).status == 404


@pytest.mark.parametrize(
    "path",
    ["/api/documents?cursor=a:b//..", "/api/a%20b", "/api/sessions/x%3Ay", "/api/", "/api/a.b?", "/health"],
)
def test_the_backend_gets_the_address_as_it_was_sent(web: Front, path: str) -> None:
    """With its query and its escapes."""
    seen = web.ask(path).json()
    if path != "/health":
        sent, _, query = path.partition("?")
        assert (seen["path"], seen["query"]) == (sent, query)


@pytest.mark.parametrize("method", ["FOO", "get", "PROPFIND", "TRACE", "LINK"])
@pytest.mark.parametrize("path", ["/", "/api/documents", "/health"])
def test_unknown_methods_are_refused(web: Front, method: str, path: str) -> None:
    """Before they reach anything."""
    answer = web.ask(path, method)
    assert answer.status in ({400, 405} if method == "get" else {405})
    assert answer.problem()
    assert web.told(answer)["backend"] == ""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_known_methods_reach_the_api(web: Front, method: str) -> None:
    """Which of them a route takes, the backend says."""
    answer = web.ask("/api/anything", method, b"four")
    assert (answer.json()["method"], answer.json()["bytes"]) == (method, 4)


def test_the_redirect_to_the_api_does_not_name_the_inner_port(web: Front) -> None:
    """The browser knows another one."""
    assert web.ask("/api").one("Location") == "/api/"
