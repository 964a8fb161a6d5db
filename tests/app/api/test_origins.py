"""Pages of other origins change nothing (CSRF); a name that was turned on us reads nothing (rebinding)."""

from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app.api.origins import is_from_ours, is_ours
from app.settings import Settings
from tests.app.api.signing_in import BEARER, HERE, LOCKED
from tests.app.doubles import serving
from tests.app.processes import TOKEN
from tests.app.running import ORIGIN, Running, running, served

pytestmark = pytest.mark.anyio
EVIL = {"Origin": "http://evil.example"}
FOREIGN = [
    {},
    EVIL,
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Origin": "synapse"},
    {"Origin": "file://synapse"},
    {"Origin": "http://synapse.evil.example"},
    {"Origin": "http://synapse:8080"},
    {"Origin": "http://user@synapse"},
    {"Origin": f"{ORIGIN}, http://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]


async def _documents(synapse: Running) -> int:
    answer = await synapse.client.get("/api/documents", headers=BEARER)
    return len(answer.json()["documents"])


@pytest.mark.parametrize("sent", FOREIGN, ids=str)
async def test_a_cookie_does_nothing_for_another_page(tmp_path: Path, sent: dict[str, str]) -> None:
    """A browser that is signed in is made to add, upload, delete and sign out: nothing of it happens."""
    async with running(tmp_path, **LOCKED) as synapse:
        client = synapse.client
        await client.post("/api/documents", json={"title": "A", "text": "a", "id": "a"}, headers=BEARER)
        await client.post("/api/login", json={"token": TOKEN}, headers=HERE)
        answers = [
            await client.post("/api/documents", json={"title": "B", "text": "b"}, headers=sent),
            await client.post("/api/documents/files", files={"files": ("b.txt", b"b")}, headers=sent),
            await client.post("/api/query", json={"question": "a?", "session_id": "s"}, headers=sent),
            await client.delete("/api/documents/a", headers=sent),
            await client.post("/api/logout", headers=sent),
            await client.post("/api/login", json={"token": TOKEN}, headers=sent),
        ]
        left = await _documents(synapse)
        sessions = await client.get("/api/sessions")
    assert [answer.status_code for answer in answers] == [403] * 6
    assert answers[0].json()["error"].keys() == {"what", "hint", "request_id"}
    assert left == 1
    assert sessions.json() == {"sessions": []}


@pytest.mark.parametrize(
    "sent",
    [HERE, {"Origin": "http://SYNAPSE"}, {"Origin": ORIGIN}, {"Sec-Fetch-Site": "same-origin"}],
    ids=str,
)
async def test_a_cookie_works_for_our_pages(tmp_path: Path, sent: dict[str, str]) -> None:
    """That of this host, and those of CORS_ORIGINS."""
    async with running(tmp_path, **LOCKED) as synapse:
        await synapse.client.post("/api/login", json={"token": TOKEN}, headers=HERE)
        answer = await synapse.client.post("/api/documents", json={"title": "B", "text": "b"}, headers=sent)
    assert answer.status_code == 201


async def test_a_bearer_needs_no_origin(tmp_path: Path) -> None:
    """A program sends the token itself, which no page can make a browser do."""
    async with running(tmp_path, **LOCKED) as synapse:
        body = {"title": "B", "text": "b"}
        answers = [
            await synapse.client.post("/api/documents", json=body, headers=BEARER),
            await synapse.client.post("/api/documents", json=body, headers=BEARER | EVIL),
        ]
    assert [answer.status_code for answer in answers] == [201, 201]


async def test_an_open_service_takes_nothing_from_another_page(tmp_path: Path) -> None:
    """In development no token is needed, and a page on the internet must not be able to write either."""
    async with running(tmp_path) as synapse:
        upload = {"files": ("b.txt", b"b")}
        foreign = [
            await synapse.client.post("/api/documents/files", files=upload, headers=sent)
            for sent in FOREIGN
            if sent
        ]
        program = await synapse.client.post("/api/documents/files", files=upload)
    assert {answer.status_code for answer in foreign} == {403}
    assert program.status_code == 201


async def test_only_pages_of_ours_may_read_with_a_cookie(tmp_path: Path) -> None:
    """CORS permits credentials to the origins that are named, and nothing at all to others."""
    async with running(tmp_path, **LOCKED) as synapse:
        await synapse.client.post("/api/login", json={"token": TOKEN}, headers=HERE)
        ours = await synapse.client.get("/api/documents", headers={"Origin": ORIGIN})
        theirs = await synapse.client.get("/api/documents", headers=EVIL)
        synapse.client.cookies.clear()
        refused = await synapse.client.get("/api/documents", headers={"Origin": ORIGIN})
        preflight = await synapse.client.options(
            "/api/documents", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        )
    for answer in (ours, refused, preflight):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert (ours.status_code, refused.status_code, preflight.status_code) == (200, 401, 200)
    assert "Access-Control-Allow-Origin" not in theirs.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "synapse.evil.example", "", "0.0.0.0"])
async def test_a_rebound_name_reads_and_writes_nothing(tmp_path: Path, host: str) -> None:
    """A page of evil.example, whose name now means this machine, is same-origin to its browser: 421."""
    async with running(tmp_path) as synapse:
        await synapse.client.post("/api/documents", json={"title": "A", "text": "a"})
        sent = {"Host": host, "Origin": f"http://{host}"}
        answers = [
            await synapse.client.get("/api/documents", headers=sent),
            await synapse.client.post("/api/documents", json={"title": "B", "text": "b"}, headers=sent),
            await synapse.client.get("/api/login", headers=sent),
            await synapse.client.get("/api/docs", headers=sent),
            await synapse.client.get("/", headers=sent),
        ]
        watched = [await synapse.client.get(path, headers=sent) for path in ("/health", "/metrics")]
        left = await _documents(synapse)
    assert [answer.status_code for answer in answers] == [421] * 5
    assert "ALLOWED_HOSTS" in answers[0].json()["error"]["hint"]
    assert [answer.status_code for answer in watched] == [200, 200]
    assert left == 1


async def test_a_token_does_not_change_the_name(tmp_path: Path) -> None:
    """Whoever has it is told the same."""
    async with running(tmp_path, **LOCKED) as synapse:
        answer = await synapse.client.get("/api/documents", headers=BEARER | {"Host": "evil.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("LOCALHOST:5173", True),
        ("127.0.0.1:8000", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("::1", False),
        ("localhost:", False),
        ("localhost:80x", False),
        ("localhost:8000:8000", False),
        ("localhost@evil.example", False),
        ("evil.example#localhost", False),
        ("127.0.0.1.evil.example", False),
        ("backend", False),
    ],
)
def test_a_host_is_compared_without_its_port(host: str, ours: bool) -> None:
    """Only whole names count, in any case, with any port."""
    assert is_ours(Headers({"host": host}), Settings().hosts) is ours


def test_two_hosts_or_origins_are_none() -> None:
    """What one server takes for the first another may take for the last."""
    twice = Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")])
    origins = Headers(raw=[(b"host", b"a"), (b"origin", b"http://a"), (b"origin", b"http://a")])
    assert not is_ours(twice, {"localhost"})
    assert not is_ours(Headers({}), {"localhost"})
    assert not is_from_ours(origins, (), told=True)


def test_the_names_are_those_that_are_set() -> None:
    """API_HOST is one of them unless it means every address; ALLOWED_HOSTS is the whole list."""
    assert Settings(api_host="10.0.0.7").hosts == {"localhost", "127.0.0.1", "[::1]", "10.0.0.7"}
    assert Settings(api_host="0.0.0.0").hosts == {"localhost", "127.0.0.1", "[::1]"}
    given = {"ALLOWED_HOSTS": "Synapse.example, backend,[::0:1]", "API_HOST": "10.0.0.7"}
    assert Settings.load(given, None).hosts == {"synapse.example", "backend", "[::1]"}


async def test_a_websocket_wants_the_same(tmp_path: Path) -> None:
    """A real socket of a stranger is closed with 1008, one of another page or name never opens."""
    async with served(tmp_path, api_token=LOCKED["api_token"]) as (app, _):
        with serving(app) as url:
            cookie = _signed_in(url)
            address = url.replace("http", "ws") + "/ws"
            with connect(address, proxy=None) as stranger, pytest.raises(ConnectionClosed) as closed:
                stranger.recv(10)
            refused = [
                _refused(address, cookie),
                _refused(address, cookie | EVIL),
                _refused(address, {"Host": "evil.example"} | BEARER),
            ]
            with connect(address, proxy=None, additional_headers=cookie | {"Origin": url}) as page:
                greeted = page.recv(10)
            with connect(address, proxy=None, additional_headers=BEARER) as program:
                told = program.recv(10)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008
    assert refused == [403, 403, 421]
    assert '"hello"' in str(greeted)
    assert '"hello"' in str(told)


def _signed_in(url: str) -> dict[str, str]:
    answer = httpx.post(f"{url}/api/login", json={"token": TOKEN})
    return {"Cookie": answer.headers["set-cookie"].split(";")[0]}


def _refused(address: str, headers: dict[str, str]) -> int:
    with pytest.raises(InvalidStatus) as refused:
        connect(address, proxy=None, additional_headers=headers)
    return refused.value.response.status_code
