"""The digest of a data set: what `DEBUG DIGEST` leaves out is in it, and an expiring key does not change it.

Per database and key: type, an order-independent digest of the value (`DEBUG DIGEST-VALUE`), `PEXPIRETIME`,
for streams their groups and pending entries, for hashes the times of their fields; and the function
libraries. Keys are added up, so their order is free. Volatile keys are kept apart, by the time of their end.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from pipelines.ops.model import RedisDigest, VolatileKeys
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.facts import key_counts

_BATCH = 1000
_MODULUS = 1 << 256
_MOST_BUCKETS = 4096
MARKER_PREFIX = "synapse_restore_"
_TYPE_AND_END = """
local found = {}
for index, key in ipairs(KEYS) do
  found[index] = redis.call('TYPE', key).ok .. ' ' .. redis.call('PEXPIRETIME', key)
end
return table.concat(found, ' ')
"""


@dataclass(slots=True)
class _Sums:
    """Added-up fingerprints of one database."""

    count: int = 0
    total: int = 0
    ends: dict[int, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))


def digest(
    database: Callable[[int], redis.Redis], progress: Callable[[int], None] | None = None
) -> RedisDigest:
    """Digest a whole scratch server; `database` opens a client of one database, `progress` counts keys.

    The server must allow DEBUG and must not be written to meanwhile.
    """
    began = time.time()
    with database(0) as client:
        info = client.info("keyspace")
        functions = _functions(client)
    counts: dict[str, int] = {}
    sums: dict[str, str] = {}
    ends: dict[tuple[str, int], tuple[int, int]] = {}
    for name in sorted(key_counts(info), key=int):
        with database(int(name)) as client:
            found = _database_sums(client, name, info[f"db{name}"], progress or _silent)
        counts[name], sums[name] = found.count, f"{found.total:064x}"
        ends |= {(name, second): value for second, value in found.ends.items()}
    return RedisDigest(
        persistent=_condense(sums, functions),
        databases=counts,
        functions=functions,
        volatile=_buckets(ends),
        scanned_from=began,
        scanned_to=time.time(),
    )


def differences(expected: RedisDigest, found: RedisDigest) -> tuple[str, ...]:
    """Say how two digests of one data set differ; a volatile key may be missing once its time has passed."""
    problems = []
    if expected.functions != found.functions:
        problems.append("the function libraries differ")
    if expected.persistent != found.persistent:
        for name in sorted(expected.databases.keys() | found.databases.keys(), key=int):
            before, after = expected.databases.get(name, 0), found.databases.get(name, 0)
            if before != after:
                problems.append(f"database {name} holds {after} persistent keys instead of {before}")
        if not problems:
            problems.append("keys have other values, types, groups or pending entries")
    settled = max(expected.scanned_to, found.scanned_to)
    problems += _volatile_differences(expected.volatile, found.volatile, settled)
    return tuple(problems)


def _volatile_differences(expected: VolatileKeys, found: VolatileKeys, settled: float) -> Iterator[str]:
    width = max(expected.width, found.width)
    before, after = _widened(expected, width), _widened(found, width)
    for bucket in sorted(before.keys() | after.keys()):
        if bucket[1] > settled and before.get(bucket) != after.get(bucket):
            yield f"volatile keys of database {bucket[0]} that end after {bucket[1]} (unix seconds) differ"


def _widened(keys: VolatileKeys, width: int) -> dict[tuple[str, int], tuple[int, int]]:
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for name, start, count, total in keys.buckets:
        bucket = (name, start - start % width)
        old = sums.get(bucket, (0, 0))
        sums[bucket] = (old[0] + count, (old[1] + int(total, 16)) % _MODULUS)
    return sums


def _buckets(ends: dict[tuple[str, int], tuple[int, int]]) -> VolatileKeys:
    keys = VolatileKeys(
        width=1,
        buckets=tuple(
            (name, second, count, f"{total:064x}") for (name, second), (count, total) in sorted(ends.items())
        ),
    )
    width = 1
    sums = _widened(keys, width)
    while len(sums) > _MOST_BUCKETS:
        width *= 2
        sums = _widened(keys, width)
    return VolatileKeys(
        width=width,
        buckets=tuple((*bucket, count, f"{total:064x}") for bucket, (count, total) in sums.items()),
    )


def _database_sums(
    client: redis.Redis, name: str, counts: dict[str, int], progress: Callable[[int], None]
) -> _Sums:
    sums = _Sums()
    fields_end = _has_field_times(counts)
    look = client.register_script(_TYPE_AND_END)
    for keys in _batches(client, shrinks=bool(counts["expires"])):
        kinds = bytes(look(keys=keys)).split()
        values: Sequence[bytes] = call(client, "DEBUG", "DIGEST-VALUE", *keys)
        for index, key in enumerate(keys):
            kind, end = kinds[2 * index], int(kinds[2 * index + 1])
            if kind == b"none":
                continue
            state = b" %s %s %d " % (kind, values[index], end)
            extra = _extra(client, key, kind, fields_end=fields_end)
            _add(sums, _fingerprint(name, key, state + extra), end)
        progress(len(keys))
    return sums


def _batches(client: redis.Redis, *, shrinks: bool) -> Iterator[list[bytes]]:
    """Yield every key once: SCAN repeats keys when a table shrinks, as it does when many keys expire."""
    seen: set[bytes] | None = set() if shrinks else None
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, count=_BATCH)
        keys = [bytes(key) for key in dict.fromkeys(found)]  # type: ignore[arg-type]  # never decoded
        if seen is not None:
            keys = [key for key in keys if key not in seen]
            seen.update(keys)
        if keys:
            yield keys
        if cursor == 0:
            return


def _fingerprint(database: str, key: bytes, state: bytes) -> int:
    head = b"%s %d " % (database.encode(), len(key))
    return int.from_bytes(hashlib.blake2b(head + key + state, digest_size=32).digest(), "big")


def _add(sums: _Sums, fingerprint: int, end: int) -> None:
    if end < 0:
        sums.count += 1
        sums.total = (sums.total + fingerprint) % _MODULUS
        return
    count, total = sums.ends[end // 1000]
    sums.ends[end // 1000] = (count + 1, (total + fingerprint) % _MODULUS)


def _extra(client: redis.Redis, key: bytes, kind: bytes, *, fields_end: bool) -> bytes:
    if kind == b"stream":
        return _stream_state(client, key)
    if kind == b"hash" and fields_end:
        fields = sorted(client.hkeys(key))
        return repr(list(zip(fields, client.hpexpiretime(key, *fields), strict=True))).encode()
    return b""


def _stream_state(client: redis.Redis, key: bytes) -> bytes:
    """Return what a stream holds beside its entries; times at which consumers were last seen are not data."""
    full = _mapping(call(client, "XINFO", "STREAM", key, "FULL", "COUNT", 0))
    state = {
        name: full.get(name) for name in (b"last-generated-id", b"max-deleted-entry-id", b"entries-added")
    }
    groups = [_mapping(group) for group in full.get(b"groups") or []]
    return repr((state, sorted((_group_state(group) for group in groups), key=repr))).encode()


def _group_state(group: dict[bytes, Any]) -> tuple[object, ...]:
    consumers = [_mapping(consumer) for consumer in group.get(b"consumers") or []]
    return (
        group.get(b"name"),
        group.get(b"last-delivered-id"),
        group.get(b"entries-read"),
        group.get(b"pel"),
        sorted((consumer.get(b"name"), consumer.get(b"pel")) for consumer in consumers),
    )


def _mapping(pairs: Any) -> dict[bytes, Any]:  # noqa: ANN401  # a reply of RESP 2 or 3
    if isinstance(pairs, dict):
        return pairs
    flat = list(pairs) if isinstance(pairs, (list, tuple)) else []
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _functions(client: redis.Redis) -> str:
    """Hash the function libraries, without the mark that a restore under way leaves."""
    libraries = [_mapping(library) for library in call(client, "FUNCTION", "LIST", "WITHCODE")]
    named = sorted(
        (bytes(library[b"library_name"]), bytes(library[b"library_code"])) for library in libraries
    )
    kept = [entry for entry in named if not entry[0].startswith(MARKER_PREFIX.encode())]
    return hashlib.blake2b(repr(kept).encode(), digest_size=32).hexdigest()


def _condense(sums: dict[str, str], functions: str) -> str:
    return hashlib.blake2b(repr((sorted(sums.items()), functions)).encode(), digest_size=32).hexdigest()


def _has_field_times(counts: dict[str, int]) -> bool:
    return bool(counts.get("keys_with_volatile_items", 0) or counts.get("subexpiry", 0))


def _silent(_count: int) -> None:
    """Take progress that nobody watches."""
