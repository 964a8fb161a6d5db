"""A server whose name nobody knows: told in words, and nothing in the log besides."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unchecked import not_checked

_SILENT = "127.0.0.99"
_ASK = """
import asyncio, gc, logging, uvloop
from contextlib import suppress
from app.domain import StoreUnavailableError
from app.stores.memory.address import RedisAddress
from app.stores.memory.redis import RedisMemory

async def ask():
    logging.basicConfig()
    memory = RedisMemory(RedisAddress("redis.nowhere.test", 6379), seconds=0.5)
    try:
        await memory.ping()
    except StoreUnavailableError as error:
        print(error)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await memory.ping()
    # The name server is given up after one second; what was forgotten by then shows.
    await asyncio.get_running_loop().run_in_executor(None, __import__("time").sleep, 1.5)
    gc.collect()
    await asyncio.sleep(0)
    await memory.close()

uvloop.run(ask())
"""


@pytest.fixture
def silent_names(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Give a command under which names are asked of a server that never answers."""
    if shutil.which("unshare") is None:
        not_checked("a silent name server: there is no unshare to put one in place")
    # Root of a container may be refused it too.
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        not_checked(f"a silent name server, as none may be laid: {tried.stderr.strip()}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((_SILENT, 53))
        (tmp_path / "resolv.conf").write_text(f"nameserver {_SILENT}\noptions timeout:1 attempts:1\n")
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        yield ("unshare", "--mount", "sh", "-c", script, str(tmp_path / "resolv.conf"))


def test_a_name_that_is_not_found_is_told_and_leaves_nothing_behind(silent_names: tuple[str, ...]) -> None:
    """Also when whoever asked has gone meanwhile."""
    command = [*silent_names, sys.executable, "-c", _ASK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "REDIS_HOST" in done.stdout
    assert "name" in done.stdout
    assert done.stderr == ""
