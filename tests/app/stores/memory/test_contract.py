"""Every memory keeps the promises of its port."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain import Turn
from app.stores.memory.in_memory import InMemoryMemory
from app.stores.memory.port import Memory
from app.stores.memory.redis import RedisMemory
from app.stores.memory.turns import decode, encode
from tests.app.stores.memory.servers import Server, binaries, serving

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 5, 4, 12, 0, 0, 123457, tzinfo=UTC)


@pytest.fixture(scope="module", params=[*binaries(), "in memory"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server | None]:
    """Run each kind of server that is here once."""
    if request.param == "in memory":
        yield None
        return
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(binaries()[request.param], folder) as running:
        yield running


@pytest.fixture
def memory(server: Server | None) -> Memory:
    """Start from an empty memory with small bounds."""
    if server is None:
        return InMemoryMemory(max_turns=3, max_sessions=4)
    with server.client() as client:
        client.flushall()
    return RedisMemory(server.address, max_turns=3, max_sessions=4)


def turn(minute: int, question: str = "Why?") -> Turn:
    """Return a turn of that minute."""
    return Turn(
        question, "So. 𝄞", [{"document": "d", "start": 3, "score": 0.25}], NOON + timedelta(minutes=minute)
    )


async def test_a_turn_comes_back_whole(memory: Memory) -> None:
    """With the model that wrote it, or none."""
    written, quoted = replace(turn(1), model="llama-3"), turn(2)
    await memory.remember("s", written)
    await memory.remember("s", quoted)
    assert list(await memory.session("s")) == [written, quoted]
    await memory.close()


def test_a_turn_of_before_models_were_kept_is_read() -> None:
    """Sessions outlive an update, in both directions."""
    kept = json.loads(encode(turn(1)))
    del kept["model"]
    assert decode(json.dumps(kept).encode()) == turn(1)


async def test_starts_empty(memory: Memory) -> None:
    """A new memory answers, and knows nothing."""
    await memory.ping()
    assert await memory.cached("k") is None
    assert list(await memory.session("s")) == []
    assert list(await memory.sessions()) == []
    assert not await memory.forget("s")
    await memory.close()


async def test_caches_bytes(memory: Memory) -> None:
    """A cached answer comes back byte by byte, the last one written counts, and no time means not at all."""
    await memory.cache("k", b"\0\xff", seconds=60)
    assert await memory.cached("k") == b"\0\xff"
    await memory.cache("k", b"new", seconds=60)
    assert await memory.cached("k") == b"new"
    await memory.cache("none", b"x", seconds=0)
    assert await memory.cached("none") is None
    assert await memory.cached("K") is None
    await memory.close()


async def test_remembers_turns_in_order(memory: Memory) -> None:
    """Turns come back whole, oldest first; another session is another."""
    turns = [turn(0, "a"), turn(1, "b\n\0")]
    for one in turns:
        await memory.remember("s", one)
    await memory.remember("t", turn(5))
    assert list(await memory.session("s")) == turns
    assert list(await memory.session("t")) == [turn(5)]
    await memory.close()


async def test_keeps_the_last_turns(memory: Memory) -> None:
    """Beyond the bound the oldest turn goes."""
    for minute in range(5):
        await memory.remember("s", turn(minute))
    assert [one.asked.minute for one in await memory.session("s")] == [2, 3, 4]
    assert [one.turns for one in await memory.sessions()] == [3]
    await memory.close()


async def test_names_a_session_by_its_oldest_question(memory: Memory) -> None:
    """A list of sessions tells them apart by what was asked first; when that is gone, by what came next."""
    for minute, question in enumerate(["Why? 𝄞", "How?", "When?"]):
        await memory.remember("s", turn(minute, question))
    assert [one.title for one in await memory.sessions()] == ["Why? 𝄞"]
    await memory.remember("s", turn(3, "Where?"))
    assert [one.title for one in await memory.sessions()] == ["How?"]
    await memory.close()


async def test_keeps_the_last_sessions(memory: Memory) -> None:
    """Beyond the bound the session that was asked longest ago goes, with all its turns."""
    for minute, name in enumerate(["a", "b", "c", "a", "d", "é:e"]):
        await memory.remember(name, turn(minute))
    assert [one.id for one in await memory.sessions()] == ["é:e", "d", "a", "c"]
    assert list(await memory.session("b")) == []
    assert not await memory.forget("b")
    assert [one.last_asked for one in await memory.sessions(limit=2)] == [turn(5).asked, turn(4).asked]
    assert list(await memory.sessions(limit=0)) == []
    await memory.close()


async def test_forgets(memory: Memory) -> None:
    """A forgotten session is gone from everywhere, and can begin again."""
    await memory.remember("s", turn(0))
    await memory.remember("s", turn(1))
    assert await memory.forget("s")
    assert not await memory.forget("s")
    assert list(await memory.session("s")) == []
    assert list(await memory.sessions()) == []
    await memory.remember("s", turn(2))
    assert [one.turns for one in await memory.sessions()] == [1]
    await memory.close()


async def test_an_older_turn_does_not_turn_time_back(memory: Memory) -> None:
    """A session was last asked at its latest turn, in whatever order they arrive."""
    await memory.remember("s", turn(9))
    await memory.remember("s", turn(1))
    assert [one.last_asked for one in await memory.sessions()] == [turn(9).asked]
    await memory.close()


async def test_closes_twice(memory: Memory) -> None:
    """Closing is safe to repeat."""
    await memory.ping()
    await memory.close()
    await memory.close()
