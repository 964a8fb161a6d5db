"""What holds for every route: health, restore, request ids, limits, CORS, metrics, documentation."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.answering.recall import WITHOUT_KEEPING
from app.stores.memory.in_memory import InMemoryMemory
from tests.app.doubles import DeadMemory, WordEmbedder, model_serving
from tests.app.running import ORIGIN, running

pytestmark = pytest.mark.anyio


async def test_health_names_every_part(tmp_path: Path) -> None:
    """A model server that loads makes it degraded, which still serves (200)."""
    with model_serving("loading") as server:
        async with running(tmp_path, models=[server]) as synapse:
            await synapse.add("Parrots", "A parrot.")
            response = await synapse.client.get("/health")

    health = response.json()
    assert response.status_code == 200
    assert health["state"] == "degraded"
    assert {part["name"]: part["state"] for part in health["dependencies"]} == {
        "index": "ok", "redis": "ok", "embedder": "ok", "loading": "degraded",
    }  # fmt: skip
    assert "still loading" in health["dependencies"][3]["reason"]
    assert health["dependencies"][3]["since"].startswith("2026-01-01T00:00:")
    assert (health["collections"][0]["documents"], health["collections"][0]["sequence"]) == (1, 1)


async def test_health_is_503_without_a_vital_part(tmp_path: Path) -> None:
    """Without Redis or without the embedder the service says that it cannot serve, and why."""
    async with running(tmp_path / "a", memory=DeadMemory()) as synapse:
        without_redis = await synapse.client.get("/health")
    embedder = WordEmbedder()
    embedder.broken = True
    async with running(tmp_path / "b", embedder=embedder) as synapse:
        without_embedder = await synapse.client.get("/health")

    assert without_redis.status_code == without_embedder.status_code == 503
    reasons = [part["reason"] for part in without_redis.json()["dependencies"]]
    assert "Redis cannot be reached. Start it." in reasons


async def test_nothing_is_written_during_a_restore(tmp_path: Path) -> None:
    """Writes are 503 with Retry-After; reads go on; answers are not kept; afterwards all is as before."""
    memory = InMemoryMemory()
    async with running(tmp_path, memory=memory) as synapse:
        await synapse.add("Parrots", "A parrot is a bird.", id="parrots")
        synapse.begin_restore()
        refused = [
            await synapse.add("More", "text"),
            await synapse.client.post("/api/documents/files", files={"files": ("a.txt", b"text")}),
            await synapse.client.delete("/api/documents/parrots"),
            await synapse.client.delete("/api/sessions/s1"),
        ]
        found = await synapse.client.post("/api/search", json={"text": "parrot"})
        answer = await synapse.ask("What is a parrot?", session_id="s1")
        health = await synapse.client.get("/health")
        synapse.end_restore()
        after = await synapse.add("More", "text")

    assert [response.status_code for response in refused] == [503] * 4
    assert all("Retry-After" in response.headers for response in refused)
    assert found.json()["hits"][0]["document_id"] == "parrots"
    assert WITHOUT_KEEPING in answer["notes"]
    assert (memory._answers, memory._turns) == ({}, {})
    assert (health.status_code, health.json()["state"]) == (200, "restoring")
    assert after.status_code == 201


async def test_a_request_id_is_kept_if_it_is_one(tmp_path: Path) -> None:
    """A valid id comes back, in the header and in errors; anything else is replaced."""
    async with running(tmp_path) as synapse:
        kept = await synapse.client.get("/api/documents/none", headers={"X-Request-ID": "abc-1"})
        replaced = await synapse.client.get("/api/documents", headers={"X-Request-ID": "a b{}"})

    assert kept.headers["X-Request-ID"] == kept.json()["error"]["request_id"] == "abc-1"
    assert re.fullmatch("[0-9a-f]{32}", replaced.headers["X-Request-ID"])


async def test_every_error_has_the_same_shape(tmp_path: Path) -> None:
    """An unknown page, a wrong method, broken JSON and a bug all say what failed."""
    async with running(tmp_path) as synapse:
        synapse.services.index.generation = "bug"  # type: ignore[method-assign,assignment]  # a bug
        client = synapse.client
        responses = [
            await client.get("/nowhere"),
            await client.put("/api/documents"),
            await client.post("/api/search", content=b"{", headers={"Content-Type": "application/json"}),
            await client.get("/api/documents"),
        ]

    assert [response.status_code for response in responses] == [404, 405, 422, 500]
    for response in responses:
        assert response.json()["error"].keys() == {"what", "hint", "request_id"}
        assert "callable" not in response.text


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its declared length, and by counting when no length is declared."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    async with running(tmp_path) as synapse:
        declared = await synapse.add("Long", "x" * 1_000_001)
        counted = await synapse.client.post(
            "/api/documents", content=chunks(), headers={"Content-Type": "application/json"}
        )
        files = await synapse.client.post(
            "/api/documents/files", files={"files": ("a.txt", b"x " * 1_000_000)}
        )

    assert declared.status_code == counted.status_code == 413
    assert "/api/documents/files" in declared.json()["error"]["hint"]
    assert files.status_code == 201


async def test_only_the_given_origins_may_read(tmp_path: Path) -> None:
    """A page of another origin gets no permission, in a preflight or in an answer."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with running(tmp_path) as synapse:
        ours = await synapse.client.options("/api/query", headers={"Origin": ORIGIN, **preflight})
        theirs = await synapse.client.options("/api/query", headers={"Origin": "http://evil", **preflight})
        read = await synapse.client.get("/api/documents", headers={"Origin": "http://evil"})

    assert ours.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert theirs.status_code == 400
    assert "Access-Control-Allow-Origin" not in read.headers


async def test_metrics_count_by_route_and_show_the_index(tmp_path: Path) -> None:
    """Ids are not in the labels; the generation and the states of the parts are there."""
    async with running(tmp_path) as synapse:
        await synapse.add("Parrots", "A parrot.", id="parrots")
        await synapse.client.get("/api/documents/parrots")
        await synapse.client.get("/api/documents/none")
        text = (await synapse.client.get("/metrics")).text

    route = 'route="/api/documents/{document_id}"'
    assert f'synapse_requests_total{{method="GET",{route},status="200"}} 1.0' in text
    assert f'synapse_requests_total{{method="GET",{route},status="404"}} 1.0' in text
    assert 'synapse_index_documents{collection="documents"} 1.0' in text
    assert 'synapse_dependency_state{dependency="redis"} 2.0' in text


async def test_the_documentation_is_served(tmp_path: Path) -> None:
    """The page, and the schema with a name of its own for each operation."""
    async with running(tmp_path) as synapse:
        page = await synapse.client.get("/api/docs")
        schema = (await synapse.client.get("/api/openapi.json")).json()

    names = [operation["operationId"] for path in schema["paths"].values() for operation in path.values()]
    assert page.status_code == 200
    assert len(names) == len(set(names)) >= 12
