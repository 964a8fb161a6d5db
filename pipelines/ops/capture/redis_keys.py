"""Capture a Redis that refuses replication: key by key, with SCAN and DUMP. What is saved is no one moment.

Each key is whole and was there while the capture ran; two keys may be of different instants. The result is an
AOF of `RESTORE` commands, which a server boots like any other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import redis
from redis.exceptions import ResponseError

from app.stores.memory.address import RedisAddress
from pipelines.ops.capture.aof_manifest import write_manifest
from pipelines.ops.model import FileEntry, KeyCount, RedisSource
from pipelines.ops.redis.aof import FOLDER, INCREMENT, MANIFEST
from pipelines.ops.redis.connection import call, connect, raw, talking_to
from pipelines.ops.redis.facts import ServerVersion, key_counts, loadable_by, server_version
from pipelines.ops.redis.handshake import command
from pipelines.ops.spools import unwritten

NOT_ONE_MOMENT = "captured key by key: each key is whole, but they are not all of one moment"
_NO_FUNCTIONS = "functions are not in this point: the server refuses FUNCTION DUMP"
_BATCH = 100
_FOOTER = 10
"""Bytes at the end of what DUMP answers: two of the RDB version, little-endian, and eight of a checksum."""
_TOGETHER = 16
"""Keys asked for at once; their values wait in the server's memory until they are read."""
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class CapturedKeys:
    """The AOF of a capture key by key, and what is known of it."""

    folder: Path
    version: ServerVersion
    rdb_version: int | None
    databases: dict[str, KeyCount]
    notes: tuple[str, ...]

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """The AOF folder's files, the manifest last."""
        return tuple((name, self.folder / name) for name in (INCREMENT, MANIFEST))

    def settle(self) -> None:
        """Do nothing: the commands are as they will stay."""

    def source(self, files: tuple[FileEntry, ...]) -> RedisSource:
        """Describe the capture for the manifest, once its files are stored."""
        return RedisSource(
            way="keys",
            server=self.version.family,
            version=self.version.number,
            replid=None,
            offset=None,
            rdb_version=self.rdb_version,
            loadable_by=loadable_by(self.rdb_version),
            databases=self.databases,
            notes=self.notes,
            files=files,
        )


def capture_keys(
    address: RedisAddress, spool: Path, *, progress: Callable[[int], None] | None = None
) -> CapturedKeys:
    """Read every key of every database into an AOF below `spool`; `progress` counts bytes.

    The user needs `+info +scan +dump +pexpiretime +select`, and `+function|dump` for functions.
    """
    with _laid(spool) as file, talking_to(address), connect(address) as client:
        written = _Written(file, progress or (lambda _count: None))
        notes = (NOT_ONE_MOMENT, *_functions(client, written))
        counts = key_counts(client.info("keyspace"))
        for name, count in sorted(counts.items(), key=lambda entry: int(entry[0])):
            _database(client, name, count, written)
        version = server_version(client)
    return CapturedKeys(spool, version, written.rdb_version, written.counts, notes)


@contextmanager
def _laid(spool: Path) -> Iterator[BinaryIO]:
    """Lay an AOF folder with one file of commands; give that file."""
    try:
        (spool / FOLDER).mkdir(mode=0o700, parents=True)
        with (spool / INCREMENT).open("xb") as file:
            yield file
        (spool / MANIFEST).write_text(write_manifest(None, [Path(INCREMENT).name]))
    except OSError as error:
        raise unwritten(spool, error) from error


class _Written:
    """The AOF while it is written, and what went into it."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self.rdb_version: int | None = None
        self.counts: dict[str, KeyCount] = {}
        self._file = file
        self._progress = progress

    def add(self, *parts: bytes) -> None:
        """Write one command."""
        line = command(*parts)
        try:
            self._file.write(line)
        except OSError as error:
            raise unwritten(Path(self._file.name).parent, error) from error
        self._progress(len(line))

    def saw(self, payload: bytes) -> None:
        """Note the RDB version of what a server dumped."""
        version = int.from_bytes(payload[-_FOOTER : 2 - _FOOTER], "little")
        self.rdb_version = max(version, self.rdb_version or 0)


def _functions(client: redis.Redis, written: _Written) -> tuple[str, ...]:
    try:
        payload = bytes(call(client, "FUNCTION", "DUMP"))
    except ResponseError:
        return (_NO_FUNCTIONS,)
    written.saw(payload)
    if len(payload) > _FOOTER:
        written.add(b"FUNCTION", b"RESTORE", payload)
    return ()


def _database(client: redis.Redis, name: str, expected: KeyCount, written: _Written) -> None:
    """Write the keys of one database, none twice."""
    keys = expires = 0
    seen: set[bytes] = set()
    written.add(b"SELECT", name.encode())
    with raw(client) as exchange:
        exchange([command("SELECT", name)], 1)
        for batch in _scanned(exchange):
            fresh = [key for key in dict.fromkeys(batch) if key not in seen]
            seen.update(fresh)
            for key, payload, end in _dumped(exchange, fresh):
                written.saw(payload)
                ends = b"0" if end < 0 else str(end).encode()
                written.add(b"RESTORE", key, ends, payload, b"REPLACE", *([b"ABSTTL"] if end >= 0 else []))
                keys, expires = keys + 1, expires + (end >= 0)
        exchange([command("SELECT", "0")], 1)
    written.counts[name] = KeyCount(keys=keys, expires=expires, fading=expected.fading)


_Exchange = Callable[[Sequence[bytes], int], list[object]]


def _scanned(exchange: _Exchange) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        reply = exchange([command("SCAN", cursor, "COUNT", str(_BATCH))], 1)[0]
        if not isinstance(reply, list):
            raise ResponseError(f"SCAN answered {reply!r}")
        cursor, keys = reply
        yield keys
        if cursor == b"0":
            return


def _dumped(exchange: _Exchange, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield each key that is still there, with what DUMP answers and its end in unix milliseconds or -1."""
    for first in range(0, len(keys), _TOGETHER):
        asked = list(keys[first : first + _TOGETHER])
        for _ in range(_TRIES):
            moved = []
            exchange([part for key in asked for part in _questions(key)], 0)
            for key in asked:
                before, payload, after = exchange([], 3)
                if before != after:
                    moved.append(key)
                elif isinstance(payload, bytes):
                    yield key, payload, int(str(after))
            asked = moved
            if not asked:
                break
        else:
            raise ResponseError(f"the time to live of {asked[0]!r} changed {_TRIES} times while it was read")


def _questions(key: bytes) -> list[bytes]:
    """Ask for the end before and after the value, so that it belongs to the value between."""
    return [command("PEXPIRETIME", key), command("DUMP", key), command("PEXPIRETIME", key)]
