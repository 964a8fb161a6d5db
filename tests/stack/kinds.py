"""Every kind of thing that Redis keeps, written and read back; no code of the product has a part in it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

Connect = Callable[[int], redis.Redis]
"""Gives a client of a database by its number."""
_DATABASES = (0, 3)
_ENDS_MS = 4_102_444_800_123
"""Far away, and to the millisecond."""
_LIBRARY = "#!lua name=kept\nredis.register_function('kept', function() return 7 end)"
_AT_ONCE = 20
"""Answers wait in the memory of the server, which may be full."""
_LONG_BYTES = 1000
_CACHED = b"synapse:answer:"
_WRITTEN = b"written"
_ANEW = {b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes"}
"""What a server that starts on its AOF counts anew."""


@dataclass(frozen=True)
class Keys:
    """All keys but cached answers and what a Writer wrote; of each its kind, content and end; the functions.

    Of a long string the content is its digest. The end is in unix milliseconds, -1 of what stays.
    """

    found: dict[tuple[int, bytes], tuple[bytes, Any, int]]
    functions: list[Any]

    def __contains__(self, name: bytes) -> bool:
        return (0, name) in self.found


def write_each_kind(connect: Connect) -> None:
    """Write each kind into two databases, what stays and what ends, and a library of functions."""
    for database in _DATABASES:
        with connect(database) as client:
            _write(client, f"of {database}")
            client.function_load(_LIBRARY, replace=True)
    with connect(_DATABASES[1]) as client:
        client.set("only here", 1)


def keys_of(connect: Connect) -> Keys:
    """Read everything; cached answers are removed, so that answers are worked out anew."""
    found: dict[tuple[int, bytes], tuple[bytes, Any, int]] = {}
    for database in _DATABASES:
        with connect(database) as client:
            names = sorted(client.scan_iter(count=1000))
            if cached := [name for name in names if name.startswith(_CACHED)]:
                client.delete(*cached)
            lasting = [name for name in names if name not in cached and _WRITTEN not in name]
            for first in range(0, len(lasting), _AT_ONCE):
                some = _read(client, lasting[first : first + _AT_ONCE])
                found |= {(database, name): read for name, read in some}
            functions = client.function_list(withcode=True)
    return Keys(found, sorted(functions, key=str))


def _write(client: redis.Redis, word: str) -> None:
    client.rpush("list", *(f"{number} {word}" for number in range(300)))
    client.sadd("set", *(f"{number} {word}" for number in range(600)))
    client.sadd("numbers", *range(100))
    client.zadd("scores", {f"{number} {word}": number / 7 for number in range(300)})
    client.hset("hash", mapping={"a": "1", "b": word})
    client.hset("large hash", mapping={f"field {number}": word * 9 for number in range(600)})
    client.setbit("bits", 7_000, 1)
    client.pfadd("many", *range(1000))
    _write_stream(client, word)
    for number in range(5):
        client.set(f"ends:{number}", word, pxat=_ENDS_MS + number)
    client.copy("hash", "hash that ends")
    client.pexpireat("hash that ends", _ENDS_MS)


def _write_stream(client: redis.Redis, word: str) -> None:
    for number in range(1, 200):
        client.xadd("stream", {"n": number, "word": word}, id=f"{number}-1")
    client.xdel("stream", "7-1")
    client.xgroup_create("stream", "group", "0")
    client.xgroup_create("stream", "unread", "$")
    client.xreadgroup("group", "first", {"stream": ">"}, count=20)
    client.xreadgroup("group", "second", {"stream": ">"}, count=5)
    client.xack("stream", "group", "1-1", "21-1")
    client.xclaim("stream", "group", "second", 0, ["2-1"], retrycount=9)


def _read(client: redis.Redis, names: list[bytes]) -> list[tuple[bytes, tuple[bytes, Any, int]]]:
    facts = client.pipeline(transaction=False)
    for name in names:
        facts.type(name)
        facts.execute_command("PEXPIRETIME", name)  # type: ignore[no-untyped-call]  # untyped there
    told = facts.execute()
    kinds, ends = told[::2], told[1::2]
    contents = client.pipeline(transaction=False)
    for name, kind in zip(names, kinds, strict=True):
        contents.execute_command(*_ask(kind, name))  # type: ignore[no-untyped-call]  # untyped there
    each = zip(names, kinds, contents.execute(), ends, strict=True)
    return [(name, (kind, _lasting(content), end)) for name, kind, content, end in each]


def _ask(kind: bytes, name: bytes) -> tuple[str | bytes, ...]:
    """Return the command that reads all of a key."""
    match kind:
        case b"string":
            return ("GET", name)
        case b"list":
            return ("LRANGE", name, "0", "-1")
        case b"set":
            return ("SMEMBERS", name)
        case b"zset":
            return ("ZRANGE", name, "0", "-1", "WITHSCORES")
        case b"hash":
            return ("HGETALL", name)
        case b"stream":
            return ("XINFO", "STREAM", name, "FULL", "COUNT", "0")
    raise AssertionError(f"{name!r} is a {kind!r}")


def _lasting(told: Any) -> Any:
    """Leave out of a stream, at any depth, what is counted anew; take the digest of a long string."""
    if isinstance(told, dict):
        return {name: _lasting(one) for name, one in told.items() if name not in _ANEW}
    if isinstance(told, bytes) and len(told) > _LONG_BYTES:
        return hashlib.sha256(told).digest()
    return [_lasting(one) for one in told] if isinstance(told, list) else told
