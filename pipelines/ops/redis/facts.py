"""What a server says of itself, and which servers can load what it wrote.

RDB versions: Redis 7.0 writes 10, 7.2 writes 11, 7.4 writes 12, 8.x writes 12 or 13; Valkey 7.2 and 8
write 11, Valkey 9 writes 80 (its own number range, as Redis 7.4 and later left the common one).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis

from pipelines.ops.model import KeyCount

Family = Literal["redis", "valkey"]
Version = tuple[int, ...]

_HEADER_BYTES = 9
_DATABASE = re.compile(r"db\d+")
_LOADERS: dict[Family, tuple[tuple[Version, int], ...]] = {
    "redis": (((7, 0), 10), ((7, 2), 11), ((7, 4), 12), ((8, 0), 12), ((8, 2), 13)),
    "valkey": (((7, 2), 11), ((9, 0), 80)),
}
_VALKEY_OWN = range(80, 1000)
_VALKEY_FOREIGN = 11


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """A server program: its family and version."""

    family: Family
    version: Version

    def __str__(self) -> str:
        return f"{self.family} {self.number}"

    @property
    def number(self) -> str:
        """The version as it is written: `7.0.15`."""
        return ".".join(map(str, self.version))

    def loads(self, rdb_version: int) -> bool:
        """Say whether this server can load an RDB (or AOF base) of that version."""
        if self.family == "valkey":
            return rdb_version <= _VALKEY_FOREIGN or (rdb_version in _VALKEY_OWN and self.version >= (9,))
        known = [rdb for version, rdb in _LOADERS["redis"] if self.version >= version]
        return rdb_version <= max(known, default=0)

    def can_replicate_to(self, target: "ServerVersion") -> bool:
        """Say whether a server of this version may be master of the target for a moment."""
        if self.family == target.family:
            return self.version <= target.version
        written = {"valkey": _VALKEY_FOREIGN}.get(self.family) or max(
            rdb for version, rdb in _LOADERS["redis"] if self.version >= version
        )
        return target.loads(written)


@dataclass(frozen=True, slots=True)
class Keyspace:
    """Counts of one instant: `offset` in the stream `replid`, keys per database."""

    replid: str
    offset: int
    databases: dict[str, KeyCount]


def parse_version(text: str) -> Version:
    """Turn `7.0.15` into (7, 0, 15); anything after the numbers is left out."""
    parts = text.strip().split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def server_version(client: redis.Redis) -> ServerVersion:
    """Ask a running server what it is."""
    info = client.info("server")
    if "valkey_version" in info:
        return ServerVersion("valkey", parse_version(str(info["valkey_version"])))
    return ServerVersion("redis", parse_version(str(info["redis_version"])))


def keyspace(client: redis.Redis) -> Keyspace:
    """Read counts and replication offset in one answer, so that they are of the same instant.

    One INFO and no MULTI: a server whose memory is full lets nothing into a transaction.
    """
    info = client.info("all")
    databases = {name: counts for name, counts in info.items() if _DATABASE.fullmatch(name)}
    return Keyspace(
        replid=str(info["master_replid"]),
        offset=int(info["master_repl_offset"]),
        databases=key_counts(databases),
    )


def key_counts(info: dict[str, dict[str, int]]) -> dict[str, KeyCount]:
    """Read INFO keyspace: `{"db0": {"keys": 3, "expires": 1}}` to counts by database number.

    Hashes with volatile fields are `keys_with_volatile_items` to Valkey, `subexpiry` to Redis.
    """
    return {
        name.removeprefix("db"): KeyCount(
            keys=counts["keys"],
            expires=counts["expires"],
            fading=counts.get("keys_with_volatile_items", 0) or counts.get("subexpiry", 0),
        )
        for name, counts in info.items()
    }


def rdb_version(path: Path) -> int | None:
    """Read the version in an RDB file's header (`REDIS0010`, `VALKEY080`); None when it is no RDB."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    for magic in (b"REDIS", b"VALKEY"):
        if head.startswith(magic) and head[len(magic) :].isdigit():
            return int(head[len(magic) :])
    return None


def loadable_by(version: int | None) -> tuple[str, ...]:
    """List the servers that can load an RDB of this version, as shown to people."""
    if version is None:
        return ()
    found = []
    for family, releases in _LOADERS.items():
        fitting = [release for release, _ in releases if ServerVersion(family, release).loads(version)]
        if fitting:
            found.append(f"{family} >= {'.'.join(map(str, min(fitting)))}")
    return tuple(found)
