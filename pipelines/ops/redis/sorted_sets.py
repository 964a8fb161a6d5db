"""Digest sorted sets by what they hold: servers write scores differently (`%.17g` or the shortest)."""

import hashlib
import struct
from collections.abc import Iterator, Sequence

import redis

from pipelines.ops.redis.connection import raw
from pipelines.ops.redis.handshake import command
from pipelines.ops.redis.scanning import keys_of_type

_TOGETHER = 50
_MEMBERS = 10_000
_GONE = -2
_SCORE = struct.Struct(">d")


def sorted_sets(client: redis.Redis) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield each sorted set of a database once: key, digest, end in unix milliseconds or -1."""
    seen: set[bytes] = set()
    for keys in keys_of_type(client, "zset"):
        fresh = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(fresh)
        for first in range(0, len(fresh), _TOGETHER):
            yield from _digested(client, fresh[first : first + _TOGETHER])


def _digested(client: redis.Redis, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    with raw(client) as exchange:
        asked = [part for key in keys for part in (command("PEXPIRETIME", key), _range(key, 0))]
        answers = exchange(asked, len(asked))
    for key, end, members in zip(keys, answers[::2], answers[1::2], strict=True):
        if end != _GONE and members:
            yield key, _digest(client, key, members), end


def _digest(client: redis.Redis, key: bytes, members: list[bytes]) -> bytes:
    """Hash members and scores in the order of the set, which scores and names decide alone."""
    total = hashlib.blake2b(digest_size=32)
    first = 0
    while members:
        for name, score in zip(members[::2], members[1::2], strict=True):
            total.update(b"%d %s%s" % (len(name), name, _SCORE.pack(float(score))))
        if len(members) < 2 * _MEMBERS:
            break
        first += _MEMBERS
        with raw(client) as exchange:
            members = exchange([_range(key, first)], 1)[0]
    return b"scores " + total.hexdigest().encode()


def _range(key: bytes, first: int) -> bytes:
    return command("ZRANGE", key, str(first), str(first + _MEMBERS - 1), "WITHSCORES")
