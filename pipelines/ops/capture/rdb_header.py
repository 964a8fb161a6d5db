"""Read the header of an RDB: its version, and which server wrote it (its AUX fields, `rdb.c`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.ops.redis.facts import rdb_version

_MAGIC_BYTES = 9
_READ = 4096
_AUX = 0xFA
_INTEGERS = {0xC0: 1, 0xC1: 2, 0xC2: 4}
_LONG = 0x80


@dataclass(frozen=True, slots=True)
class RdbHeader:
    """`version` is the format's, `server_version` as the server wrote it; unknown when it did not."""

    version: int
    server: Literal["redis", "valkey", "unknown"]
    server_version: str


def read_rdb_header(path: Path) -> RdbHeader | None:
    """Return the header of the RDB that a file begins with; None when it does not."""
    version = rdb_version(path)
    if version is None:
        return None
    with path.open("rb") as file:
        fields = dict(_aux_fields(file.read(_READ)))
    if b"valkey-ver" in fields:
        return RdbHeader(version, "valkey", _text(fields[b"valkey-ver"]))
    if b"redis-ver" in fields:
        return RdbHeader(version, "redis", _text(fields[b"redis-ver"]))
    return RdbHeader(version, "unknown", "unknown")


def _aux_fields(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = _MAGIC_BYTES
    while position < len(head) and head[position] == _AUX:
        key, position = _string(head, position + 1)
        value, position = _string(head, position)
        yield key, value


def _string(head: bytes, position: int) -> tuple[bytes, int]:
    """Read a length-prefixed string, or one that is stored as a little-endian integer."""
    first = head[position] if position < len(head) else 0
    if first in _INTEGERS:
        end = position + 1 + _INTEGERS[first]
        return str(int.from_bytes(head[position + 1 : end], "little", signed=True)).encode(), end
    if first == _LONG:
        start, length = position + 5, int.from_bytes(head[position + 1 : position + 5], "big")
    elif first >> 6 == 1:
        start, length = position + 2, int.from_bytes(head[position : position + 2], "big") & 0x3FFF
    else:
        start, length = position + 1, first & 0x3F
    return head[start : start + length], start + length


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")[:40]
