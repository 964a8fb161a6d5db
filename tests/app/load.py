"""Many clients at once, each on a connection of its own, that notice every request that gets no answer."""

import asyncio
import random
import select
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

_READ_LIMIT_S = 30.0


@dataclass
class Seen:
    """What all clients saw: answers by status, requests that were dropped, the longest wait in seconds."""

    answers: Counter[int] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)
    longest: float = 0.0
    renewed: int = 0


@dataclass(frozen=True)
class Load:
    """`clients` that ask for `path` again and again; every second one takes a new connection each time."""

    port: int
    path: str
    headers: dict[str, str]
    clients: int
    pause: float

    async def during(self, work: Callable[[], Awaitable[None]]) -> Seen:
        """Keep asking until `work` is done."""
        seen, leave = Seen(), asyncio.Event()
        clients = [asyncio.create_task(self._ask(number, seen, leave)) for number in range(self.clients)]
        try:
            await work()
        finally:
            leave.set()
            await asyncio.gather(*clients)
        return seen

    async def _ask(self, number: int, seen: Seen, leave: asyncio.Event) -> None:
        chance, keep = random.Random(number), number % 2 == 0
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not leave.is_set():
            # The time that a reader takes to think.
            await asyncio.sleep(chance.uniform(0, 2 * self.pause))
            if connection is not None and _is_closed(connection[1]):
                # As every client does. Nothing is awaited between this look and the request.
                connection[1].close()
                connection = None
            begun = asyncio.get_running_loop().time()
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.port)
                status, closes = await self._exchange(*connection, keep=keep)
            except (OSError, EOFError, TimeoutError) as error:
                seen.dropped.append(f"{type(error).__name__}: {error} (kept: {keep})")
                status, closes = 0, True
            seen.answers[status] += 1
            seen.longest = max(seen.longest, asyncio.get_running_loop().time() - begun)
            seen.renewed += keep and closes
            if closes and connection is not None:
                connection[1].close()
                connection = None
        if connection is not None:
            connection[1].close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool
    ) -> tuple[int, bool]:
        headers = {"Host": f"127.0.0.1:{self.port}", **self.headers} | (
            {} if keep else {"Connection": "close"}
        )
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(_READ_LIMIT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            await reader.readexactly(length)
        return int(head.split()[1]), "connection: close" in head


def _is_closed(writer: asyncio.StreamWriter) -> bool:
    """Say whether the other side has closed a connection on which nothing was asked."""
    readable, _, _ = select.select([writer.get_extra_info("socket")], [], [], 0)
    return bool(readable) or writer.transport.is_closing()
