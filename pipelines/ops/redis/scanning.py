"""Read every key of a database with a digest of its value; the server works while the caller hashes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import redis

from pipelines.ops.redis.connection import raw
from pipelines.ops.redis.handshake import command

_BATCH = 1000
_LOOK = 10_000
_ENDS = """
local found = {}
for index, key in ipairs(KEYS) do
  found[index] = redis.call('PEXPIRETIME', key)
end
return table.concat(found, ' ')
"""
_WITH_FIELD_TIMES = """
local function timed(key)
  local fields = redis.call('HKEYS', key)
  for first = 1, #fields, 1000 do
    local part = {unpack(fields, first, math.min(first + 999, #fields))}
    for _, ends in ipairs(redis.call('HPEXPIRETIME', key, 'FIELDS', #part, unpack(part))) do
      if ends >= 0 then return true end
    end
  end
  return false
end
local found = {}
for _, key in ipairs(KEYS) do
  if timed(key) then found[#found + 1] = key end
end
return found
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Keys, the digest of each value in hexadecimal, and the end of each in unix milliseconds or -1."""

    keys: Sequence[bytes]
    values: Sequence[bytes]
    ends: Sequence[int]


def batches(client: redis.Redis, *, ends: bool, once: bool) -> Iterator[Batch]:
    """Yield all keys that stay; with `once` none twice, as SCAN repeats keys when a table shrinks.

    Without `ends` no key may have a time to live. A key that ends meanwhile has an end that has passed.
    """
    seen: set[bytes] | None = set() if once else None
    with raw(client) as exchange:
        cursor, keys = exchange([_scan(b"0")], 1)[0]
        earlier: Batch | None = None
        while True:
            fresh = keys if seen is None else _unseen(keys, seen)
            asked = _questions(fresh, ends=ends)
            more = cursor != b"0"
            exchange([*asked, *([_scan(cursor)] if more else [])], 0)
            if earlier:
                yield earlier
            answers = exchange([], len(asked))
            earlier = _batch(fresh, answers) if asked else None
            if not more:
                break
            cursor, keys = exchange([], 1)[0]
        if earlier:
            yield earlier


def keys_of_type(client: redis.Redis, kind: str) -> Iterator[list[bytes]]:
    """Yield the keys of one type, perhaps some twice."""
    cursor = b"0"
    while True:
        with raw(client) as exchange:
            cursor, keys = exchange([_scan(cursor, kind)], 1)[0]
        if keys:
            yield keys
        if cursor == b"0":
            return


def hashes_with_field_times(client: redis.Redis) -> set[bytes]:
    """Return the hashes of which some field has a time to live (Valkey 9, Redis 7.4)."""
    found: set[bytes] = set()
    for keys in keys_of_type(client, "hash"):
        with raw(client) as exchange:
            found.update(exchange([_evaluate(_WITH_FIELD_TIMES, _packed(keys), len(keys))], 1)[0])
    return found


def _scan(cursor: bytes, kind: str | None = None) -> bytes:
    return command(
        "SCAN", cursor, "COUNT", str(_BATCH if kind is None else _LOOK), *(["TYPE", kind] if kind else [])
    )


def _unseen(keys: Sequence[bytes], seen: set[bytes]) -> list[bytes]:
    fresh = [key for key in dict.fromkeys(keys) if key not in seen]
    seen.update(fresh)
    return fresh


def _questions(keys: Sequence[bytes], *, ends: bool) -> list[bytes]:
    if not keys:
        return []
    packed = _packed(keys)
    digests = b"*%d\r\n$5\r\nDEBUG\r\n$12\r\nDIGEST-VALUE\r\n%s" % (len(keys) + 2, packed)
    return [_evaluate(_ENDS, packed, len(keys)), digests] if ends else [digests]


def _evaluate(script: str, packed: bytes, count: int) -> bytes:
    head = command("EVAL", script, str(count)).split(b"\r\n", 1)[1]
    return b"*%d\r\n%s%s" % (count + 3, head, packed)


def _packed(keys: Sequence[bytes]) -> bytes:
    return b"".join([b"$%d\r\n%s\r\n" % (len(key), key) for key in keys])


def _batch(keys: Sequence[bytes], answers: list[object]) -> Batch:
    values = answers[-1]
    ends = answers[0] if len(answers) > 1 else None
    if not isinstance(values, list):
        raise redis.ResponseError(f"DEBUG DIGEST-VALUE answered {values!r}")
    return Batch(keys, values, [int(end) for end in ends.split()] if isinstance(ends, bytes) else ())
