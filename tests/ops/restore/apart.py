"""A target that answers and cannot dial back: its server runs in a network namespace of its own."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.ops.restore.stack import Stack
from tests.ports import free_port

_UNSHARE = ("unshare", "--map-root-user", "--net", "--kill-child", "--")


@cache
def namespaces_allowed() -> bool:
    """Say whether this machine lets a process have a network of its own."""
    return subprocess.run([*_UNSHARE, "true"], check=False, capture_output=True).returncode == 0


@contextmanager
def stack_apart(root: Path, family: str) -> Iterator[Stack]:
    """Run a server without any network, and a door on a port of ours that leads to its unix socket."""
    socket = root / "door.sock"
    one = Stack(root, family, ("port 0", f"unixsocket {socket}"), _UNSHARE, free_port())
    with _door(one.port, socket):
        try:
            one.start()
            yield one
        finally:
            one.kill()


@contextmanager
def _door(port: int, socket: Path) -> Iterator[None]:
    """Hand every connection to a port of loopback on to a unix socket."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(port, socket, stop),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(port: int, socket: Path, stop: asyncio.Event) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(socket))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    server = await asyncio.start_server(meet, "127.0.0.1", port)
    async with server:
        await stop.wait()
    meetings = asyncio.all_tasks() - {asyncio.current_task()}
    for task in meetings:
        task.cancel()
    await asyncio.gather(*meetings, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
