"""The digest of a data set: what `DEBUG DIGEST` leaves out is in it, and an expiring key does not change it.

Per database and key: the digest of type and value (`DEBUG DIGEST-VALUE`, order-independent), `PEXPIRETIME`,
for streams their groups and pending entries; and the function libraries. Keys are added up, so their order is
free. What ends by itself, volatile keys and volatile fields of hashes, is kept apart, by the time of its end.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import redis

from pipelines.ops.model import KeyCount, RedisDigest, VolatileKeys
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.facts import key_counts
from pipelines.ops.redis.field_times import hash_state
from pipelines.ops.redis.scanning import Batch, batches, hashes_with_field_times, keys_of_type
from pipelines.ops.redis.sorted_sets import sorted_sets
from pipelines.ops.redis.stream_state import mapping, stream_state

_MODULUS = 1 << 256
_MOST_BUCKETS = 4096
_GONE = -2
_NOTHING = b"0" * 40
MARKER_PREFIX = "synapse_restore_"

_Ends = dict[tuple[str, int], tuple[int, int]]
"""By database and second (or start of a bucket): how many, and their added-up fingerprints."""


@dataclass(slots=True)
class _Sums:
    """Added-up fingerprints of one database: of what stays, and of what ends by the second of its end."""

    name: bytes
    count: int = 0
    total: int = 0
    ends: dict[int, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))

    def add_key(self, key: bytes, state: bytes, end: int) -> None:
        """Add one key, and count it when it stays."""
        self.add(key, state, end)
        self.count += end < 0

    def add(self, key: bytes, state: bytes, end: int) -> None:
        """Add one key, or a further part of one, that ends at a time in unix milliseconds or never (-1)."""
        fingerprint = _fingerprint(self.name, key, state)
        if end < 0:
            self.total += fingerprint
        else:
            count, total = self.ends[end // 1000]
            self.ends[end // 1000] = (count + 1, (total + fingerprint) % _MODULUS)


def digest(
    database: Callable[[int], redis.Redis], progress: Callable[[int], None] | None = None
) -> RedisDigest:
    """Digest a whole scratch server; `database` opens a client of one database, `progress` counts keys.

    The server must allow DEBUG and must not be written to meanwhile.
    """
    began = time.time()
    with database(0) as client:
        keyspace = key_counts(client.info("keyspace"))
        functions = _functions(client)
    counts: dict[str, int] = {}
    sums: dict[str, str] = {}
    ends: _Ends = {}
    for name in sorted(keyspace, key=int):
        with database(int(name)) as client:
            found = _database_sums(client, name, keyspace[name], progress or _silent)
        if found.count or found.total:
            counts[name], sums[name] = found.count, f"{found.total % _MODULUS:064x}"
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


def _widened(keys: VolatileKeys, width: int) -> _Ends:
    return _folded(
        {(name, start): (count, int(total, 16)) for name, start, count, total in keys.buckets}, width
    )


def _folded(ends: _Ends, width: int) -> _Ends:
    sums: _Ends = {}
    for (name, start), (count, total) in ends.items():
        bucket = (name, start - start % width)
        old = sums.get(bucket, (0, 0))
        sums[bucket] = (old[0] + count, (old[1] + total) % _MODULUS)
    return sums


def _buckets(ends: _Ends) -> VolatileKeys:
    width = 1
    while len(ends) > _MOST_BUCKETS:
        width *= 2
        ends = _folded(ends, width)
    return VolatileKeys(
        width=width,
        buckets=tuple((*bucket, count, f"{total:064x}") for bucket, (count, total) in sorted(ends.items())),
    )


def _database_sums(
    client: redis.Redis, name: str, counts: KeyCount, progress: Callable[[int], None]
) -> _Sums:
    shrinks = bool(counts.expires or counts.fading)
    sums = _sums(client, name, counts, progress, once=shrinks)
    if not shrinks and sums.count != counts.keys:
        return _sums(client, name, counts, _silent, once=True)
    return sums


def _sums(
    client: redis.Redis, name: str, counts: KeyCount, progress: Callable[[int], None], *, once: bool
) -> _Sums:
    """Add up all keys, those first of which the server's own digest is not of use."""
    sums = _Sums(name.encode())
    apart = hashes_with_field_times(client) if counts.fading else set()
    for key in apart:
        _add_hash(client, sums, key)
    for key, state, end in sorted_sets(client):
        apart.add(key)
        sums.add_key(key, b"%s %d" % (state, end), end)
    for batch in batches(client, ends=bool(counts.expires), once=once):
        if batch.ends:
            _add_each(sums, batch, apart)
        else:
            _add_persistent(sums, batch, apart)
        progress(len(batch.keys))
    for key in {key for keys in keys_of_type(client, "stream") for key in keys}:
        end = int(call(client, "PEXPIRETIME", key))
        state_beside = stream_state(client, key)
        if end != _GONE and state_beside is not None:
            sums.add(key, b"groups " + state_beside, end)
    return sums


def _add_persistent(sums: _Sums, batch: Batch, apart: set[bytes]) -> None:
    """Add a batch without any time to live; the inner loop of the digest."""
    name, blake, number = sums.name, hashlib.blake2b, int.from_bytes
    pairs = zip(batch.keys, batch.values, strict=True)
    fingerprints = [
        number(blake(b"%s %d %s %s -1" % (name, len(key), key, value), digest_size=32).digest(), "big")
        for key, value in pairs
        if key not in apart and value != _NOTHING
    ]
    sums.total += sum(fingerprints)
    sums.count += len(fingerprints)


def _add_each(sums: _Sums, batch: Batch, apart: set[bytes]) -> None:
    for key, value, end in zip(batch.keys, batch.values, batch.ends, strict=True):
        if key not in apart and end != _GONE and value != _NOTHING:
            sums.add_key(key, b"%s %d" % (value, end), end)


def _add_hash(client: redis.Redis, sums: _Sums, key: bytes) -> None:
    """Add a hash with volatile fields: its other fields as one value, each volatile field by itself."""
    found = hash_state(client, key)
    if found is None:
        return
    if found.value is not None:
        sums.add_key(key, b"%s %d" % (found.value, found.end), found.end)
    for name, content, end in found.volatile:
        state = b"field %d %s %d %s %d %d" % (len(name), name, len(content), content, end, found.end)
        sums.add(key, state, min(end, found.end) if found.end >= 0 else end)


def _fingerprint(database: bytes, key: bytes, state: bytes) -> int:
    whole = b"%s %d %s %s" % (database, len(key), key, state)
    return int.from_bytes(hashlib.blake2b(whole, digest_size=32).digest(), "big")


def _functions(client: redis.Redis) -> str:
    """Hash the function libraries, without the mark that a restore under way leaves."""
    libraries = [mapping(library) for library in call(client, "FUNCTION", "LIST", "WITHCODE")]
    named = sorted(
        (bytes(library[b"library_name"]), bytes(library[b"library_code"])) for library in libraries
    )
    kept = [entry for entry in named if not entry[0].startswith(MARKER_PREFIX.encode())]
    return hashlib.blake2b(repr(kept).encode(), digest_size=32).hexdigest()


def _condense(sums: dict[str, str], functions: str) -> str:
    return hashlib.blake2b(repr((sorted(sums.items()), functions)).encode(), digest_size=32).hexdigest()


def _silent(_count: int) -> None:
    """Take progress that nobody watches."""
