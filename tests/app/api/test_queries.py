"""Search and questions over HTTP: citations, cache, sessions, streams, and what happens without parts."""

import json
from pathlib import Path

import httpx
import pytest

from app.answering.ingest import Submission
from app.answering.recall import WITHOUT_MEMORY
from app.answering.writer import NO_MODEL
from app.stores.memory.in_memory import InMemoryMemory
from tests.app.doubles import DeadMemory, WordEmbedder, model_serving, serving
from tests.app.running import Running, running, served

pytestmark = pytest.mark.anyio


async def _fill(synapse: Running) -> None:
    await synapse.add("Parrots", "A parrot is a bird. The parrot of Norway is blue.", id="parrots")
    await synapse.add("Bananas", "A banana is a fruit. It is yellow.", id="bananas")


async def test_search_takes_a_text_or_a_vector(tmp_path: Path) -> None:
    """The vector of a text finds what the text finds."""
    async with running(tmp_path) as synapse:
        await _fill(synapse)
        by_text = await synapse.client.post("/api/search", json={"text": "blue parrot", "limit": 1})
        vector = WordEmbedder().embed(["blue parrot"])[0].tolist()
        by_vector = await synapse.client.post("/api/search", json={"vector": vector, "limit": 1})
        wrong = await synapse.client.post("/api/search", json={"vector": [1.0, 2.0]})

    assert by_text.json()["hits"][0]["document_id"] == "parrots"
    assert by_text.json() == by_vector.json()
    assert wrong.status_code == 409
    assert "64" in wrong.json()["error"]["what"]


@pytest.mark.parametrize(
    "body",
    [{}, {"text": "a", "vector": [1]}, {"text": " "}, {"text": "a" * 2001}, {"text": "a", "limit": 0},
     {"text": "a", "limit": 101}, {"vector": []}, {"vector": ["x"]}],
)  # fmt: skip
async def test_a_search_that_cannot_be_asked_is_refused(tmp_path: Path, body: dict[str, object]) -> None:
    """Neither, both, empty, too long, out of bounds, not numbers."""
    async with running(tmp_path) as synapse:
        response = await synapse.client.post("/api/search", json=body)

    assert response.status_code == 422


async def test_without_a_model_the_passages_are_quoted_and_cited(tmp_path: Path) -> None:
    """The answer says that no model wrote it, and each citation is the text at its offsets."""
    async with running(tmp_path) as synapse:
        await _fill(synapse)
        answer = await synapse.ask("What colour is the parrot of Norway?")
        document = (await synapse.client.get("/api/documents/parrots")).json()

    first = answer["citations"][0]
    assert answer["model"] is None
    assert answer["notes"] == [NO_MODEL]
    assert answer["text"].startswith("The parrot of Norway is blue. [1]")
    assert first["document_id"] == "parrots"
    assert document["text"][first["start"] : first["end"]] == first["passage"]


async def test_a_model_is_given_the_numbered_passages(tmp_path: Path) -> None:
    """Its text is the answer; the passages are numbered as the citations are."""
    with model_serving() as server:
        async with running(tmp_path, models=[server]) as synapse:
            await _fill(synapse)
            answer = await synapse.ask("What colour is the parrot?", session_id="s1")
            session = (await synapse.client.get("/api/sessions/s1")).json()

    assert answer["text"] == "The parrot is blue [1]."
    assert answer["model"] == session["turns"][0]["model"] == "ok"
    assert answer["notes"] == []
    prompt = json.dumps(server.asked[0]["messages"])
    assert "[1] Parrots" in prompt
    assert "What colour is the parrot?" in prompt


@pytest.mark.parametrize("mode", ["error", "loading", "overflow", "dies"])
async def test_a_model_that_fails_leaves_quotes_and_says_so(tmp_path: Path, mode: str) -> None:
    """Whatever a model server does, there is an answer with citations, and it is not cached."""
    with model_serving(mode) as server:
        async with running(tmp_path, models=[server]) as synapse:
            await _fill(synapse)
            answer = await synapse.ask("What colour is the parrot?")
            server.mode = "ok"
            later = await synapse.ask("What colour is the parrot?")

    assert answer["model"] is None
    assert server.url in answer["notes"][0]
    assert answer["citations"]
    assert later["text"] == "The parrot is blue [1]."


async def test_a_cached_answer_is_flagged_and_ends_with_a_write(tmp_path: Path) -> None:
    """The same question is answered from the cache until any document changes."""
    async with running(tmp_path) as synapse:
        await _fill(synapse)
        first = await synapse.ask("What is a banana?")
        second = await synapse.ask("  what IS a\n banana? ")
        await synapse.add("More", "A banana is also green.")
        third = await synapse.ask("What is a banana?")

    assert (first["cached"], second["cached"], third["cached"]) == (False, True, False)
    assert second == first | {"cached": True}
    assert third["generation"] != first["generation"]


async def test_a_broken_cache_entry_is_passed_over(tmp_path: Path) -> None:
    """An entry of another version is no error."""
    memory = InMemoryMemory()
    async with running(tmp_path, memory=memory) as synapse:
        await _fill(synapse)
        await synapse.ask("What is a banana?")
        for broken in (b"{}", b"[]", b"\xff", b'{"citations": [{}]}'):
            for key in list(memory._answers):
                await memory.cache(key, broken, seconds=60)
            assert (await synapse.ask("What is a banana?"))["cached"] is False


async def test_a_session_remembers_and_gives_context(tmp_path: Path) -> None:
    """A follow-up question is searched with the one before, and the model is told both."""
    with model_serving() as server:
        async with running(tmp_path, models=[server]) as synapse:
            await _fill(synapse)
            await synapse.ask("What about the parrot of Norway?", session_id="s1")
            follow_up = await synapse.ask("Which colour?", session_id="s1")
            shown = (await synapse.client.get("/api/sessions/s1")).json()
            listed = (await synapse.client.get("/api/sessions")).json()
            deleted = await synapse.client.delete("/api/sessions/s1")
            gone = await synapse.client.get("/api/sessions/s1")
            again = await synapse.client.delete("/api/sessions/s1")

    assert follow_up["citations"][0]["document_id"] == "parrots"
    assert [turn["question"] for turn in shown["turns"]] == [
        "What about the parrot of Norway?",
        "Which colour?",
    ]
    assert shown["turns"][1]["citations"] == follow_up["citations"]
    assert listed["sessions"][0]["turns"] == 2
    assert "What about the parrot of Norway?" in json.dumps(server.asked[1]["messages"])
    assert (deleted.status_code, gone.status_code, again.status_code) == (204, 404, 404)


async def test_without_redis_questions_are_answered_and_sessions_are_not(tmp_path: Path) -> None:
    """The note says what was left out; Redis is asked once a question, not for each part."""
    memory = DeadMemory()
    async with running(tmp_path, memory=memory) as synapse:
        await _fill(synapse)
        before = memory.asked
        answer = await synapse.ask("What is a banana?", session_id="s1")
        asked = memory.asked - before
        found = await synapse.client.post("/api/search", json={"text": "banana"})
        sessions = await synapse.client.get("/api/sessions")

    assert WITHOUT_MEMORY in answer["notes"]
    assert answer["citations"][0]["document_id"] == "bananas"
    assert asked == 1
    assert found.status_code == 200
    assert sessions.status_code == 503
    assert "Retry-After" in sessions.headers


def _events(text: str) -> list[tuple[str, dict[str, object]]]:
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.strip().split("\n\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


async def test_an_answer_is_streamed(tmp_path: Path) -> None:
    """Citations first, then pieces, at the end the whole answer; from the cache it is one piece."""
    with model_serving() as server:
        async with running(tmp_path, models=[server]) as synapse:
            await _fill(synapse)
            body = {"question": "What colour is the parrot?"}
            fresh = _events((await synapse.client.post("/api/query/stream", json=body)).text)
            cached = _events((await synapse.client.post("/api/query/stream", json=body)).text)

    assert [name for name, _ in fresh] == ["citations", "delta", "delta", "delta", "answer"]
    assert "".join(str(data["text"]) for name, data in fresh if name == "delta") == fresh[-1][1]["text"]
    assert [name for name, _ in cached] == ["citations", "delta", "answer"]
    assert cached[-1][1]["cached"] is True


async def test_a_stream_says_when_its_pieces_are_void(tmp_path: Path) -> None:
    """A model that dies half-way is followed by `restarted` and quotes."""
    with model_serving("dies") as server:
        async with running(tmp_path, models=[server]) as synapse:
            await _fill(synapse)
            response = await synapse.client.post("/api/query/stream", json={"question": "What is a parrot?"})

    assert [name for name, _ in _events(response.text)] == [
        "citations", "delta", "delta", "restarted", "delta", "answer",
    ]  # fmt: skip


async def test_what_fails_before_a_stream_is_an_ordinary_error(tmp_path: Path) -> None:
    """An embedder that is away is 503 here too, not a broken 200."""
    embedder = WordEmbedder()
    async with running(tmp_path, embedder=embedder) as synapse:
        await _fill(synapse)
        embedder.broken = True
        response = await synapse.client.post("/api/query/stream", json={"question": "What is a parrot?"})

    assert response.status_code == 503
    assert response.json()["error"]["what"] == "The embedder is broken."


async def test_a_reader_that_leaves_frees_the_model_server(tmp_path: Path) -> None:
    """When a stream is closed half-way, the model server is not kept busy, and nothing is kept."""
    memory = InMemoryMemory()
    with model_serving("endless") as server:
        async with served(tmp_path, memory=memory, models=[server]) as (app, services):
            await services.ingest.add([Submission("Parrots", "A parrot is a bird.")])
            with serving(app) as url:
                body = {"question": "What is a parrot?", "session_id": "s1"}
                with httpx.stream("POST", f"{url}/api/query/stream", json=body) as stream:
                    lines = stream.iter_lines()
                    assert any(line == "event: delta" for line in lines)
                assert server.left.wait(10)
    assert (memory._answers, memory._turns) == ({}, {})
