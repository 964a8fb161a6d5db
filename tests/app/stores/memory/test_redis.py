"""Redis in bad states: the memory says what is wrong and what to do, soon, and never loses a session."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest

from app.domain import StoreUnavailableError, Turn
from app.stores.memory.address import RedisAddress
from app.stores.memory.in_memory import InMemoryMemory
from app.stores.memory.redis import RedisMemory
from tests.app.stores.memory.servers import Server, any_binary, serving
from tests.ports import free_port

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TURN = Turn("Why?", "So.", [], NOON)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server for one test."""
    with serving(any_binary(), tmp_path) as running:
        yield running


@pytest.fixture
async def memory(server: Server) -> AsyncIterator[RedisMemory]:
    """Connect to it with little patience."""
    opened = RedisMemory(server.address, seconds=0.3)
    yield opened
    await opened.close()


async def refused(memory: RedisMemory) -> StoreUnavailableError:
    """Return what a failed write says."""
    with pytest.raises(StoreUnavailableError) as caught:
        await memory.remember("s", TURN)
    assert caught.value.hint
    return caught.value


async def test_tells_a_wrong_password(server: Server) -> None:
    """A wrong or missing password is told without showing one."""
    for password in ("wrong-secret", None):
        memory = RedisMemory(replace(server.address, password=password))
        error = await refused(memory)
        assert "password" in error.what
        assert "REDIS_PASSWORD" in error.hint
        assert "wrong-secret" not in str(error)
        await memory.close()


async def test_tells_a_missing_permission(server: Server) -> None:
    """A user who may not touch these keys is told so."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "small", "on", ">pw", "+@all", "~other:*")
    memory = RedisMemory(replace(server.address, username="small", password="pw"))
    assert "does not let this user" in (await refused(memory)).what
    await memory.close()


async def test_tells_a_server_that_is_not_there() -> None:
    """A refused connection names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    memory = RedisMemory(RedisAddress("127.0.0.1", port, password="secret"))
    error = await refused(memory)
    assert f"redis://127.0.0.1:{port}/0" in error.what
    assert "secret" not in str(error)
    await memory.close()


async def test_tells_a_hung_server_soon(server: Server, memory: RedisMemory) -> None:
    """A stopped process and a server paused by a restore end in an error, not in waiting; then it goes on."""
    await memory.ping()
    os.kill(server.process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert "did not answer in time" in (await refused(memory)).what
    assert time.monotonic() - begun < 5
    os.kill(server.process.pid, signal.SIGCONT)
    await memory.ping()
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", "100000", "WRITE")
        assert "did not answer in time" in (await refused(memory)).what
        assert list(await memory.session("s")) in ([], [TURN])
        client.execute_command("CLIENT", "UNPAUSE")
    await memory.remember("s", TURN)


async def test_tells_a_replica(server: Server, memory: RedisMemory) -> None:
    """A server that is being restored takes no writes, and says that it is that."""
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        error = await refused(memory)
        assert "takes no writes" in error.what
        assert "restore" in error.hint
        client.execute_command("REPLICAOF", "NO", "ONE")
    await memory.remember("s", TURN)


async def test_goes_on_after_a_restart(server: Server, memory: RedisMemory) -> None:
    """A connection that the server closed costs no error."""
    await memory.ping()
    with server.client() as client:
        kill = partial(client.execute_command, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await anyio.to_thread.run_sync(kill)
    await memory.remember("s", TURN)
    assert list(await memory.session("s")) == [TURN]


async def test_eviction_never_costs_a_session(tmp_path: Path) -> None:
    """Under volatile-lru answers go and sessions stay; what does not fit any more is told."""
    limits = ("--maxmemory", "8mb", "--maxmemory-policy", "volatile-lru")
    with serving(any_binary(), tmp_path, *limits) as server:
        memory = RedisMemory(server.address)
        for number in range(20):
            await memory.remember(f"s{number}", TURN)
        for number in range(400):
            await memory.cache(f"k{number}", os.urandom(50_000), seconds=600)
        with server.client() as client:
            assert client.info("stats")["evicted_keys"] > 0
        assert len(await memory.sessions()) == 20
        for number in range(20):
            assert list(await memory.session(f"s{number}")) == [TURN]
        huge = replace(TURN, answer="x" * 2_000_000)
        with pytest.raises(StoreUnavailableError, match="is full") as caught:  # noqa: PT012  # some call fits
            for number in range(20):
                await memory.remember(f"huge{number}", huge)
        assert "maxmemory" in caught.value.hint
        assert [one.turns for one in await memory.sessions()] == [1] * len(await memory.sessions())
        await memory.close()


async def test_only_answers_have_an_end(server: Server, memory: RedisMemory) -> None:
    """Every cached answer has a time to live, no session key has one, and all keys are ours by name."""
    await memory.cache("k", b"x", seconds=60)
    await memory.remember("s", TURN)
    with server.client() as client:
        ends = {key: client.ttl(key) for key in client.keys("*")}
    assert all(key.startswith(b"synapse:") for key in ends)
    assert [key for key, end in ends.items() if end > 0] == [b"synapse:answer:k"]
    assert len(ends) == 3


async def test_writers_together_keep_the_bounds(server: Server) -> None:
    """Many that write at once never leave more than the bounds, nor turns of a session that is not listed."""
    memory = RedisMemory(server.address, max_turns=4, max_sessions=5)
    async with anyio.create_task_group() as tasks:
        for number in range(60):
            tasks.start_soon(
                memory.remember, f"s{number % 12}", replace(TURN, asked=NOON + timedelta(seconds=number))
            )
    listed = {one.id for one in await memory.sessions()}
    assert len(listed) == 5
    with server.client() as client:
        stored = {key.decode().rpartition(":")[2] for key in client.keys("synapse:session:*")}
    assert stored == listed
    await memory.close()


async def test_cached_answers_end() -> None:
    """The memory in this process lets answers go at their time as Redis does."""
    now = NOON
    memory = InMemoryMemory(clock=lambda: now)
    await memory.cache("k", b"x", seconds=5)
    now = NOON + timedelta(seconds=4)
    assert await memory.cached("k") == b"x"
    now = NOON + timedelta(seconds=5)
    assert await memory.cached("k") is None


def test_the_address_hides_the_password() -> None:
    """Neither form of an address shows it."""
    address = RedisAddress("r", 6379, "user", "pass-word", tls=True, db=2)
    assert str(address) == "rediss://user@r:6379/2"
    assert "pass-word" not in repr(address)


async def test_speaks_tls(tmp_path: Path) -> None:
    """With TLS the server's certificate must come from the given authority."""
    ours, other = certificate(tmp_path, "ours"), certificate(tmp_path, "other")
    tls_port = free_port()
    options = ("--tls-port", str(tls_port), "--tls-auth-clients", "no", "--tls-cert-file", str(ours))
    with serving(any_binary(), tmp_path, *options, "--tls-key-file", str(ours.with_suffix(".key"))) as server:
        address = replace(server.address, port=tls_port, tls=True, tls_ca=ours)
        memory = RedisMemory(address)
        await memory.remember("s", TURN)
        assert list(await memory.session("s")) == [TURN]
        await memory.close()
        for ca in (other, None):
            stranger = RedisMemory(replace(address, tls_ca=ca))
            assert "CERTIFICATE_VERIFY_FAILED" in (await refused(stranger)).what
            await stranger.close()


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate for the loopback, its key beside it; skip where that cannot be done."""
    path = folder / f"{name}.pem"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine")
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run([openssl, *request.split(), *files], capture_output=True, check=True)
    return path
