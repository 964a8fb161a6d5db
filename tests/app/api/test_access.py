"""Without credentials nothing is read or written, whichever route; forged ones are none."""

import ast
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.api import credentials
from app.api.credentials import COOKIE, LIFETIME
from app.errors import SynapseError
from app.main import create_app
from app.settings import Settings
from tests.app.api.signing_in import BEARER, HERE, LOCKED
from tests.app.doubles import Clock
from tests.app.processes import TOKEN
from tests.app.running import Running, running

pytestmark = pytest.mark.anyio
SECRET_TEXT = "The parrot is in the cellar."


def _operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Name every operation of the API's description but the way in, with something for each parameter."""
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            if path not in {"/api/login", "/health"}:
                yield method.upper(), re.sub(r"\{\w+\}", "parrots", path)


async def _cookie(synapse: Running) -> str:
    answer = await synapse.client.post("/api/login", json={"token": TOKEN})
    assert answer.status_code == 204, answer.text
    value = answer.cookies[COOKIE]
    synapse.client.cookies.clear()
    return value


async def _read(synapse: Running, cookie: str) -> int:
    answer = await synapse.client.get("/api/documents", headers={b"Cookie": f"{COOKIE}={cookie}".encode()})
    return answer.status_code


async def test_no_route_answers_a_stranger(tmp_path: Path) -> None:
    """Every operation there is gives 401 in the usual form, and holds nothing of what is kept."""
    async with running(tmp_path, **LOCKED) as synapse:
        added = await synapse.client.post(
            "/api/documents",
            json={"title": "Secret", "text": SECRET_TEXT, "id": "parrots"},
            headers=BEARER,
        )
        before = synapse.services.index.describe()
        operations = list(_operations(synapse.app))
        answers = [await synapse.client.request(*operation, json={}) for operation in operations]
        after = synapse.services.index.describe()

    assert added.status_code == 201
    assert len(operations) >= 11
    for operation, answer in zip(operations, answers, strict=True):
        assert answer.status_code == 401, operation
        assert answer.json()["error"].keys() == {"what", "hint", "request_id"}
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert SECRET_TEXT not in answer.text
    assert before == after


async def test_every_route_is_in_the_description_or_known_to_be_open(tmp_path: Path) -> None:
    """What the walk above cannot see is this, and nothing else."""
    async with running(tmp_path) as synapse:
        described = set(synapse.app.openapi()["paths"])
        found = {str(getattr(route, "path", "")) for route in _flat(synapse.app.routes)}
    assert found - described == {"/api/openapi.json", "/api/docs", "/api/docs/{name}", "/metrics", "/ws"}


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/documents/",
        "/%61pi/documents",
        "/api/nowhere",
        "/api/loginx",
        "/api/docsx",
        "/api/docs/../documents",
        "/api/docs/%2e%2e/documents",
        "/api/login/../documents",
        "/api//documents",
        "//api/documents",
        "/API/documents",
        "/x/../api/documents",
    ],
)
async def test_no_spelling_of_a_path_gets_around(tmp_path: Path, path: str) -> None:
    """Encoded, with slashes or dots too many, in capitals, or unknown: refused, or nothing is there."""
    async with running(tmp_path, **LOCKED) as synapse:
        url = synapse.client.base_url.copy_with(raw_path=path.encode())
        answer = await synapse.client.get(url, follow_redirects=False)
    assert answer.status_code in {401, 404}


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"],
)
async def test_what_is_not_the_token_is_refused(tmp_path: Path, given: str) -> None:
    """Longer, shorter, of another scheme, or not even ASCII."""
    async with running(tmp_path, **LOCKED) as synapse:
        answer = await synapse.client.get(
            "/api/documents", headers={b"Authorization": given.encode("latin-1")}
        )
    assert answer.status_code == 401


async def test_the_scheme_is_read_as_http_says(tmp_path: Path) -> None:
    """`bearer` may be written in any case; a wrong one is not saved by a good cookie."""
    async with running(tmp_path, **LOCKED) as synapse:
        cookie = {"Cookie": f"{COOKIE}={await _cookie(synapse)}"}
        lower = await synapse.client.get("/api/documents", headers={"Authorization": f"bearer {TOKEN}"})
        wrong = await synapse.client.get("/api/documents", headers={"Authorization": "Bearer no"} | cookie)
        outer = await synapse.client.get("/api/documents", headers={"Authorization": "Basic eDp5"} | cookie)
    assert (lower.status_code, wrong.status_code, outer.status_code) == (200, 401, 200)


async def test_whoever_guesses_the_token_has_to_wait(tmp_path: Path) -> None:
    """Ten tries, then not even the right one is looked at; from elsewhere, or with a request, it lets in."""
    async with running(tmp_path, **LOCKED) as synapse:
        cookie = await _cookie(synapse)
        guesses = [await synapse.client.post("/api/login", json={"token": f"no {n}"}) for n in range(11)]
        right = await synapse.client.post("/api/login", json={"token": TOKEN})
        elsewhere = httpx.ASGITransport(synapse.app, client=("203.0.113.8", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://synapse") as other:
            taken = await other.post("/api/login", json={"token": TOKEN})
        read = await synapse.client.get("/api/documents", headers=BEARER)
        signed_in = await _read(synapse, cookie)

    assert [guess.status_code for guess in guesses] == [401] * 10 + [429]
    assert right.status_code == 429
    assert right.json()["error"]["what"] == "Too many sign-ins were tried from this address."
    assert right.headers["Retry-After"] == "5"
    assert (taken.status_code, read.status_code, signed_in) == (204, 200, 200)


async def test_a_browser_signs_in_and_out(tmp_path: Path) -> None:
    """The token is exchanged for a cookie that no script and no other site can use."""
    async with running(tmp_path, **LOCKED) as synapse:
        client = synapse.client
        before = (await client.get("/api/login")).json()
        refused = await client.post("/api/login", json={"token": f"{TOKEN}x"})
        taken = await client.post("/api/login", json={"token": TOKEN}, headers=HERE)
        signed_in = (await client.get("/api/login")).json()
        read = await client.get("/api/documents")
        written = await client.post("/api/documents", json={"title": "One", "text": "text"}, headers=HERE)
        left = await client.post("/api/logout", headers=HERE)
        after = await client.get("/api/documents")

    assert before == {"required": True, "signed_in": False}
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert "API_TOKEN" in refused.json()["error"]["hint"]
    assert taken.status_code == 204
    attributes = set(taken.headers["set-cookie"].split("; ")[1:])
    assert attributes == {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={7 * 24 * 3600}"}
    assert TOKEN not in taken.headers["set-cookie"]
    assert signed_in == {"required": True, "signed_in": True}
    assert (read.status_code, written.status_code) == (200, 201)
    assert (left.status_code, after.status_code) == (204, 401)


async def test_the_cookie_is_secure_over_https(tmp_path: Path) -> None:
    """The scheme is what the server says, which asks the proxy if it trusts it."""
    async with running(tmp_path, **LOCKED) as synapse:
        answer = await synapse.client.post("https://synapse/api/login", json={"token": TOKEN})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


async def test_forged_and_broken_cookies_are_refused(tmp_path: Path) -> None:
    """Any change, any truncation, another expiry, or nothing at all."""
    async with running(tmp_path, **LOCKED) as synapse:
        good = await _cookie(synapse)
        expires, _, seal = good.partition(".")
        forged = [
            "", ".", expires, f"{expires}.", f".{seal}", seal, f"{int(expires) + 1}.{seal}", f"{good}.x",
            f"{expires}.{seal[:-1]}", f"{expires}.{'0' * len(seal)}", f"x.{seal}", f"\xe9.{seal}",
            *(good[:length] for length in range(len(good))),
            *(_flipped(good, at) for at in range(len(good))),
        ]  # fmt: skip
        answers = {await _read(synapse, cookie) for cookie in forged}
        good_answer = await _read(synapse, good)
    assert good_answer == 200
    assert answers == {401}


async def test_a_cookie_ends_with_its_time_and_with_its_token(tmp_path: Path) -> None:
    """After a week it is worth nothing, and neither is it to a service with another token."""
    clock = Clock()
    async with running(tmp_path / "a", clock=clock, **LOCKED) as synapse:
        cookie = await _cookie(synapse)
        clock.go_on(LIFETIME - timedelta(minutes=1))
        late = await _read(synapse, cookie)
        clock.go_on(timedelta(minutes=1))
        too_late = await _read(synapse, cookie)
    async with running(tmp_path / "b", **LOCKED) as other_worker:
        elsewhere = await _read(other_worker, cookie)
    async with running(tmp_path / "c", api_token=SecretStr(f"{TOKEN}2")) as changed:
        after_change = await _read(changed, cookie)
    assert (late, too_late, elsewhere, after_change) == (200, 401, 200, 401)


async def test_health_tells_a_stranger_the_state_alone(tmp_path: Path) -> None:
    """A probe needs no token; what the service is made of is for those who have it."""
    async with running(tmp_path, **LOCKED) as synapse:
        stranger = await synapse.client.get("/health")
        known = await synapse.client.get("/health", headers=BEARER)
        metrics = await synapse.client.get("/metrics")
    assert stranger.status_code == metrics.status_code == 200
    assert stranger.json() == {"state": "ok", "dependencies": [], "collections": []}
    assert known.json()["dependencies"]
    assert known.json()["collections"]


async def test_without_a_token_a_development_service_is_open(tmp_path: Path) -> None:
    """Nobody has to sign in, and whoever tries is told that it is well."""
    async with running(tmp_path) as synapse:
        state = (await synapse.client.get("/api/login")).json()
        login = await synapse.client.post("/api/login", json={"token": "any"})
        read = await synapse.client.get("/api/documents")
    assert state == {"required": False, "signed_in": True}
    assert (login.status_code, "set-cookie" in login.headers, read.status_code) == (204, False, 200)


@pytest.mark.parametrize("token", [None, "fifteen-letters"])
def test_production_is_never_open(tmp_path: Path, token: str | None) -> None:
    """It does not start without a token that cannot be guessed, and says which variable to set."""
    settings = Settings(
        environment="production", data_dir=tmp_path, api_token=SecretStr(token) if token else None
    )
    with pytest.raises(SynapseError, match="API_TOKEN") as refused:
        create_app(settings)
    assert "API_TOKEN_FILE" in refused.value.hint
    assert "fifteen" not in str(refused.value)


def test_a_description_says_that_a_token_is_wanted(tmp_path: Path) -> None:
    """A client made from it, and the page of the docs, know where the token goes."""
    schema = create_app(Settings(data_dir=tmp_path)).openapi()
    assert schema["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert schema["paths"]["/api/documents"]["get"]["security"] == [{"HTTPBearer": []}]


def _flipped(text: str, at: int) -> str:
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


def _flat(routes: Sequence[object]) -> Iterator[object]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)


def test_secrets_are_compared_in_constant_time() -> None:
    """The only `==` in the module is that of the public word "bearer"; the rest is `compare_digest`."""
    tree = ast.parse(Path(credentials.__file__).read_text())
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    equalities = [
        node for node in compared if isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
    ]
    assert [ast.unparse(node) for node in equalities] == ["scheme.lower() == 'bearer'"]
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [ast.unparse(call) for call in calls].count("hmac.compare_digest") == 2
    assert len(credentials._digest(b"a")) == len(credentials._digest(b"a" * 1000))
