"""Sessions and cached answers in Redis: sessions without an end, bounded here; answers always with one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.domain import Turn
from app.stores.memory.address import RedisAddress
from app.stores.memory.connection import look_names_up
from app.stores.memory.errors import unavailable
from app.stores.memory.port import SessionSummary
from app.stores.memory.turns import decode, encode

_ANSWER = "synapse:answer:"
_SESSION = "synapse:session:"
_SESSIONS = "synapse:sessions"

# One script is one step: no other client sees a turn that is not listed, nor more than the bounds allow.
_REMEMBER = """
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[4])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[5])
if over > 0 then
    local oldest = redis.call('ZPOPMIN', KEYS[2], over)
    for i = 1, #oldest, 2 do
        redis.call('DEL', ARGV[6] .. oldest[i])
    end
end
return redis.status_reply('OK')
"""


class RedisMemory:
    """Implements Memory; connects at the first call and gives up on a silent server after `seconds`.

    A session keeps its last `max_turns` turns, and the `max_sessions` asked last are kept. Cached answers
    alone have an end, so under `volatile-lru` nothing else is evicted.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        max_turns: int = 100,
        max_sessions: int = 1000,
        seconds: float = 3.0,
    ) -> None:
        self._address = address
        self._max_turns = max_turns
        self._max_sessions = max_sessions
        # Typed loosely: the library's types leave open whether a reply is text or bytes.
        self._client: Any = _client(address, seconds)

    async def ping(self) -> None:
        """See Memory."""
        with self._explained():
            await self._client.ping()

    async def cached(self, key: str) -> bytes | None:
        """See Memory."""
        with self._explained():
            answer: bytes | None = await self._client.get(_ANSWER + key)
        return answer

    async def cache(self, key: str, answer: bytes, *, seconds: int) -> None:
        """See Memory."""
        if seconds > 0:
            with self._explained():
                await self._client.set(_ANSWER + key, answer, ex=seconds)

    async def remember(self, session_id: str, turn: Turn) -> None:
        """See Memory."""
        keys = (_SESSION + session_id, _SESSIONS)
        asked = repr(turn.asked.timestamp())
        values = (encode(turn), self._max_turns, asked, session_id, self._max_sessions, _SESSION)
        with self._explained():
            await self._client.eval(_REMEMBER, len(keys), *keys, *values)

    async def session(self, session_id: str) -> Sequence[Turn]:
        """See Memory."""
        with self._explained():
            turns = await self._client.lrange(_SESSION + session_id, 0, -1)
        return [decode(turn) for turn in turns]

    async def sessions(self, *, limit: int = 100) -> Sequence[SessionSummary]:
        """See Memory."""
        if limit <= 0:
            return []
        with self._explained():
            listed = await self._client.zrevrange(_SESSIONS, 0, limit - 1, withscores=True)
            async with self._client.pipeline(transaction=False) as pipeline:
                for name, _ in listed:
                    pipeline.lindex(_SESSION + name.decode(), 0)
                    pipeline.llen(_SESSION + name.decode())
                found = await pipeline.execute()
        # A session may have been forgotten between the questions.
        return [
            SessionSummary(name.decode(), decode(oldest).question, count, datetime.fromtimestamp(asked, UTC))
            for (name, asked), oldest, count in zip(listed, found[::2], found[1::2], strict=True)
            if oldest and count
        ]

    async def forget(self, session_id: str) -> bool:
        """See Memory."""
        with self._explained():
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.delete(_SESSION + session_id)
                pipeline.zrem(_SESSIONS, session_id)
                deleted, _ = await pipeline.execute()
        return bool(deleted)

    async def close(self) -> None:
        """See Memory."""
        await self._client.aclose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise unavailable(self._address, error) from error


def _client(address: RedisAddress, seconds: float) -> Redis:
    client = Redis(
        host=address.host,
        port=address.port,
        db=address.db,
        username=address.username,
        password=address.password,
        ssl=address.tls,
        ssl_ca_certs=str(address.tls_ca) if address.tls_ca else None,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        # A turn whose answer was lost may have been kept: sending it again would keep it twice.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return look_names_up(client)
