"""A way to an S3 server that is far away: each request arrives later, and bytes pass as they are."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE = 256 * 1024


@dataclass
class Way:
    """The address to use instead of the server's, and how many requests have gone this way."""

    address: str = ""
    requests: int = 0
    _delay_s: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)


@contextmanager
def delayed(endpoint: str, delay_s: float) -> Iterator[Way]:
    """Give a way on which every request waits once for so many seconds, answers not."""
    target = urlsplit(endpoint)
    way = Way(_delay_s=delay_s)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(
            lambda reader, writer: _carry(way, target.hostname or "", target.port or 80, reader, writer),
            "127.0.0.1",
            0,
        )

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(serve())
        way.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        loop.run_forever()
        server.close()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        yield way
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _carry(
    way: Way, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry one connection both ways. What comes after an answer, or first, is the beginning of a request."""
    far_reader, far_writer = await asyncio.open_connection(host, port)
    answered = True

    async def ask() -> None:
        nonlocal answered
        while data := await reader.read(_PIECE):
            if answered:
                answered = False
                way.requests += 1
                await asyncio.sleep(way._delay_s)
            far_writer.write(data)
            await far_writer.drain()
        far_writer.write_eof()

    async def answer() -> None:
        nonlocal answered
        while data := await far_reader.read(_PIECE):
            # An answer that only says "go on" ends no request.
            answered = answered or not data.startswith(b"HTTP/1.1 100")
            writer.write(data)
            await writer.drain()

    with suppress(OSError, asyncio.CancelledError):
        await asyncio.gather(ask(), answer())
    for one in (writer, far_writer):
        one.close()
