"""Hashes of which some fields have a time to live: what stays digested as the server does, the rest apart.

The digest is that of `DEBUG DIGEST-VALUE` (Redis `debug.c`, `xorObjectDigest`), so that a hash whose last
volatile field has ended has the digest that its other fields had before.
"""

import hashlib
from dataclasses import dataclass

import redis

from pipelines.ops.redis.connection import raw
from pipelines.ops.redis.handshake import command

_HASH_TYPE = (4).to_bytes(4, "big")
_EXPIRES = b"!!expire!!"
_FIELDS = 1000
_GONE = -2


@dataclass(frozen=True, slots=True)
class HashState:
    """`value` digests the fields that stay, None when none does; `volatile` has the others.

    Of these: field, content, end. Ends are unix milliseconds; `end` is that of the key, -1 for never.
    """

    end: int
    value: bytes | None
    volatile: tuple[tuple[bytes, bytes, int], ...]


def hash_state(client: redis.Redis, key: bytes) -> HashState | None:
    """Read a hash, or return None when it is gone. A field that ends meanwhile counts as ended."""
    with raw(client) as exchange:
        flat, end = exchange([command("HGETALL", key), command("PEXPIRETIME", key)], 2)
        fields, contents = flat[::2], flat[1::2]
        ends: list[int] = []
        for first in range(0, len(fields), _FIELDS):
            part = fields[first : first + _FIELDS]
            ends += exchange([command("HPEXPIRETIME", key, "FIELDS", str(len(part)), *part)], 1)[0]
    if end == _GONE or not fields:
        return None
    found = list(zip(fields, contents, ends, strict=True))
    staying = [(name, content) for name, content, ending in found if ending == -1]
    value = digest_value(staying, expires=end >= 0) if staying else None
    return HashState(end, value, tuple(one for one in found if one[2] >= 0))


def digest_value(fields: list[tuple[bytes, bytes]], *, expires: bool) -> bytes:
    """Compute what `DEBUG DIGEST-VALUE` says of a hash with these fields."""
    total = _mixed(bytes(20), _HASH_TYPE)
    for name, content in fields:
        total = _xored(total, _mixed(_mixed(bytes(20), name), content))
    if expires:
        total = _xored(total, _EXPIRES)
    return total.hex().encode()


def _xored(total: bytes, data: bytes) -> bytes:
    added = hashlib.sha1(data, usedforsecurity=False).digest()
    return bytes(one ^ other for one, other in zip(total, added, strict=True))


def _mixed(total: bytes, data: bytes) -> bytes:
    return hashlib.sha1(_xored(total, data), usedforsecurity=False).digest()
