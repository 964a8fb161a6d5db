"""A real browser that is signed in, and pages of others: they write and read nothing, through nginx."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import chromium_running, profile
from tests.browser.tabs import sign_in
from tests.stack.engine import Engine
from tests.stack.whole import Whole, whole_stack
from tests.unchecked import not_checked

REBOUND = "rebound.example"
# A form can send JSON, when its one field's name and value are its halves.
FORM = """<!doctype html><title>Nice</title>
<form method="post" action="{url}/api/documents" enctype="text/plain">
<input name='{{"title": "Forged", "text": "' value='forged"}}'></form>"""
OWN = """() => fetch("/api/documents", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({title: "Forged", text: "forged"})}).then(answer => answer.status)"""


@pytest.fixture(scope="module")
def site(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run production."""
    if shutil.which("chromium") is None:
        not_checked("the page in a browser, no Chromium on this machine")
    with whole_stack(docker, tmp_path_factory.mktemp("others")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Whole) -> Iterator[Browser]:
    """Run Chromium, to which a foreign name means this machine."""
    # What newer browsers do against this by themselves must not stand in for what the service does.
    off = "LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights"
    flags = (f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1", f"--disable-features={off}")
    with chromium_running(shutil.which("chromium"), *flags) as browser:
        yield browser


@pytest.fixture
def signed_in(browser: Browser, site: Whole) -> Iterator[BrowserContext]:
    """Open a profile that holds the cookie of a signed-in user."""
    with profile(browser, site.url, patience_s=30) as context:
        sign_in(context.new_page(), site.made.token)
        yield context


@pytest.fixture
def other(site: Whole, signed_in: BrowserContext) -> Iterator[Page]:
    """Open a page of another port of this machine: to a browser the same site, which gets the cookie."""
    with _serving(FORM.format(url=site.url)) as url:
        page = signed_in.new_page()
        page.goto(url)
        yield page


def documents(site: Whole) -> list[dict[str, object]]:
    """Return what the service holds."""
    asked = httpx.get(f"{site.url}/api/documents", headers=site.headers, trust_env=False)
    found = asked.raise_for_status().json()["documents"]
    assert isinstance(found, list)
    return found


def test_a_form_of_another_port_writes_nothing(site: Whole, other: Page) -> None:
    """It is sent with the cookie of the user, and refused because of where it comes from."""
    before = documents(site)
    with other.expect_response(f"{site.url}/api/documents") as answered:
        other.evaluate("document.forms[0].submit()")
    assert "synapse" in str(answered.value.request.all_headers().get("cookie", ""))
    assert answered.value.status == 403
    assert documents(site) == before


# What a script of another page tries: a body that needs leave first, one that needs none, and to read.
SCRIPT = """async url => {
  const json = {"Content-Type": "application/json"}, body = JSON.stringify({title: "Forged", text: "forged"});
  const tried = [
    fetch(url, {method: "POST", credentials: "include", headers: json, body}),
    fetch(url, {method: "POST", credentials: "include", body}),
    fetch(url, {method: "DELETE", credentials: "include"}),
    fetch(url, {credentials: "include"}).then(answer => answer.text()),
  ];
  return (await Promise.allSettled(tried)).map(one => one.status);
}"""
SOCKET = """url => new Promise(told => {
  const socket = new WebSocket(url);
  socket.onopen = () => told("open");
  socket.onerror = () => told("refused");
})"""


def test_a_script_of_another_port_writes_and_reads_nothing(site: Whole, other: Page) -> None:
    """Whatever it asks with the user's cookie, the browser shows it no answer, and nothing has changed."""
    before = documents(site)
    sent: list[str] = []
    other.on("request", lambda request: sent.append(request.method))
    assert other.evaluate(SCRIPT, f"{site.url}/api/documents") == ["rejected"] * 4
    assert sent.count("POST") + sent.count("GET") >= 2
    assert documents(site) == before


def test_a_socket_of_another_port_is_refused(site: Whole, signed_in: BrowserContext, other: Page) -> None:
    """A browser lets every page open one, with the cookie; the service looks where it comes from."""
    url = f"{site.url.replace('http', 'ws', 1)}/ws"
    assert other.evaluate(SOCKET, url) == "refused"
    own = signed_in.new_page()
    own.goto(site.url)
    assert own.evaluate(SOCKET, url) == "open"


def test_a_name_that_was_bound_to_this_machine_is_refused(site: Whole, signed_in: BrowserContext) -> None:
    """To the browser it is the page's own origin; the service knows that it has no such name."""
    before = documents(site)
    page = signed_in.new_page()
    url = f"http://{REBOUND}:{site.made.ports['SYNAPSE_PORT']}"
    shown = page.goto(f"{url}/api/documents")
    assert shown
    assert shown.status == 421
    # The foreign site has served its page, and has its name mean this machine from then on.
    page.route(f"{url}/start", lambda route: route.fulfill(body="<p>Nice</p>", content_type="text/html"))
    page.goto(f"{url}/start")
    read = page.evaluate("() => fetch('/api/documents').then(answer => answer.status)")
    write = page.evaluate(OWN)
    assert (read, write) == (421, 421)
    assert documents(site) == before


@contextmanager
def _serving(body: str) -> Iterator[str]:
    """Serve one page on a free port; yield its address."""

    class Served(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
