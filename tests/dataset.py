"""A data set with every Redis type, and a writer at full speed that remembers what was acknowledged to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import redis

from pipelines.ops.redis.connection import call, raw
from pipelines.ops.redis.handshake import command
from tests.servers import LiveServer

LIBRARY = "#!lua name=lib{version}\nredis.register_function('f{version}', function() return {version} end)"
FAR_MS = 30 * 24 * 3600 * 1000
_TOGETHER = 50
_REMEMBERED = 5000
_BINARY = bytes(range(256))
_ODD_KEYS = (
    b"",
    b"with space",
    b"new\r\nline",
    b"nul\x00inside",
    b"\xff\xfe",
    b"*3\r\n$3\r\nSET\r\n",
    "schlüssel".encode(),
)


def fill(server: LiveServer, *, small_keys: int = 0, big_value: int = 0) -> None:
    """Write every type into a server; `small_keys` more strings, a value of `big_value` bytes."""
    with server.client() as client, server.client(3) as third, server.client(15) as last:
        _strings(client)
        _collections(client)
        _streams(client)
        _moved(client)
        call(client, "FUNCTION", "LOAD", LIBRARY.format(version=1))
        third.mset({f"three:{number}": number for number in range(50)})
        third.set("ends", "far", px=FAR_MS)
        last.rpush("last", *range(10))
        if has_field_times(server):
            client.hset("fading", mapping={"stays": "1", "ends": "2", "later": "3"})
            call(client, "HPEXPIRE", "fading", FAR_MS, "FIELDS", 1, "ends")
            call(client, "HPEXPIRE", "fading", 2 * FAR_MS, "FIELDS", 1, "later")
        if big_value:
            client.set("big", bytes(1024) * (big_value // 1024))
        for first in range(0, small_keys, 10_000):
            client.mset({f"small:{number}": f"v{number}" for number in range(first, first + 10_000)})


def has_field_times(server: LiveServer) -> bool:
    """Say whether this server gives fields of hashes a time to live."""
    return server.program.version.family == "valkey" and server.program.version.version >= (9,)


def _strings(client: redis.Redis) -> None:
    for key in _ODD_KEYS:
        client.set(key, b"value of " + key)
    client.set("binary", _BINARY * 10)
    client.set("empty", "")
    client.set("number", 12)
    client.incrby("number", 30)
    client.append("log", "a" * 20_000)
    client.setbit("bits", 1001, 1)
    call(client, "BITFIELD", "fields", "SET", "u8", "#3", 200, "INCRBY", "i5", 100, 1)
    client.pfadd("visitors", *(f"visitor {number}" for number in range(2000)))
    client.pfadd("few visitors", "one")
    client.set("soon", "gone", px=300)
    client.set("far", "stays", px=FAR_MS)


def _collections(client: redis.Redis) -> None:
    client.rpush("list", *(f"item {number}" for number in range(3000)))
    client.rpush("short list", _BINARY, "")
    client.sadd("numbers", *range(100))
    client.sadd("words", *(f"word {number}" for number in range(700)), _BINARY)
    client.zadd("scores", {f"member {number}": number / 7 for number in range(700)})
    client.zadd("edges", {"low": float("-inf"), "high": float("inf"), "tiny": 5e-324, "": 0})
    client.geoadd("places", [13.4, 52.5, "Berlin", 2.35, 48.85, "Paris"])
    client.hset("hash", mapping={f"field {number}": f"value {number}" for number in range(900)})
    client.hset("small hash", mapping={"a": _BINARY, "": ""})
    client.expire("numbers", FAR_MS // 1000)


def _streams(client: redis.Redis) -> None:
    ids = [client.xadd("stream", {"n": number, "data": _BINARY}) for number in range(300)]
    client.xdel("stream", ids[5], ids[299])
    client.xtrim("stream", maxlen=250, approximate=False)
    client.xgroup_create("stream", "readers", id="0")
    client.xgroup_create("stream", "idle", id="$")
    client.xreadgroup("readers", "alice", {"stream": ">"}, count=20)
    client.xreadgroup("readers", "bob", {"stream": ">"}, count=10)
    pending = [entry[0] for entry in call(client, "XPENDING", "stream", "readers", "-", "+", 30)]
    client.xack("stream", "readers", pending[0], pending[1])
    call(client, "XCLAIM", "stream", "readers", "carol", 0, *pending[2:4])
    client.xautoclaim("stream", "readers", "dave", 0, pending[4], count=3)
    client.xdel("stream", pending[6])
    client.xgroup_createconsumer("stream", "readers", "nobody")
    client.xgroup_create("only a group", "first", mkstream=True)
    client.xadd("emptied", {"a": 1})
    client.xtrim("emptied", maxlen=0, approximate=False)


def _moved(client: redis.Redis) -> None:
    client.rpush("from", *range(10))
    client.lmove("from", "to")
    client.blmove("from", "to", 1)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.set("together:a", 1)
        pipeline.hset("together:b", "field", "1")
        pipeline.execute()
    script = "redis.call('SET', KEYS[1], ARGV[1]); redis.call('LPUSH', KEYS[2], ARGV[1])"
    call(client, "EVAL", script, 2, "by script", "list by script", "x")
    client.copy("hash", "copy of hash")
    client.rename("together:a", "renamed")
    client.spop("words", 5)


@dataclass(slots=True)
class Writer:
    """Writes numbers in order, each into two keys and a stream in one transaction, until it is stopped."""

    client: redis.Redis
    payload: bytes = b""
    acknowledged: int = 0
    failure: Exception | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self.client.close()

    def _run(self) -> None:
        number = self.acknowledged
        try:
            with raw(self.client) as exchange:
                while not self._stop.is_set():
                    several = range(number + 1, number + 1 + _TOGETHER)
                    written = [part for each in several for part in _writes(each, self.payload)]
                    exchange(written, len(written))
                    self.acknowledged = number = several[-1]
        except (redis.RedisError, OSError) as error:
            self.failure = error


def _writes(number: int, payload: bytes) -> list[bytes]:
    """Write one number so that a prefix of the writes is told from any other part of them."""
    text = str(number)
    ends = str(50 + number % 3000)
    return [
        command("MULTI"),
        command("SET", "counter:a", text),
        command("SET", "counter:b", text),
        command("EXEC"),
        command("RPUSH", "order", text),
        command("LTRIM", "order", str(-_REMEMBERED), "-1"),
        command("XADD", "log of numbers", "MAXLEN", "1000", f"{number}-1", "n", text),
        command("SET", f"volatile:{number % 500}", payload or text, "PX", ends),
    ]


def assert_prefix(client: redis.Redis, acknowledged: int) -> int:
    """Fail unless a server holds the writer's numbers up to one, in order, with no gap; return that one.

    `acknowledged` was reported to the writer before the capture began, so it must be there.
    """
    order = [int(number) for number in client.lrange("order", 0, -1)]
    newest = order[-1] if order else 0
    assert order == list(range(newest - len(order) + 1, newest + 1))
    assert len(order) - min(newest, _REMEMBERED) in {0, 1}
    first, second = (int(client.get(key) or 0) for key in ("counter:a", "counter:b"))
    assert first == second
    assert first - newest in {0, 1}
    last = call(client, "XREVRANGE", "log of numbers", "+", "-", "COUNT", 1)
    assert newest - (int(last[0][1][1]) if last else 0) in {0, 1}
    assert newest >= acknowledged
    return newest


@contextmanager
def rewriting(client: redis.Redis) -> Iterator[None]:
    """Rewrite the server's AOF back to back."""
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.wait(0.001):
            with suppress(redis.RedisError):
                client.bgrewriteaof()

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        client.close()
