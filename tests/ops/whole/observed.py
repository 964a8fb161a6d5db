"""Looks at the data set of tests/dataset.py with the server's own commands, independently of our digest."""

from collections.abc import Iterator
from typing import Any

import redis

from pipelines.ops.redis.connection import call, raw
from pipelines.ops.redis.handshake import command
from tests.dataset import has_field_times
from tests.servers import LiveServer

DATABASES = (0, 3, 15)
WRITTEN_ALL_THE_WHILE = (b"counter:", b"order", b"log of numbers", b"volatile:", b"soon")
_STREAMS = ("stream", "only a group", "emptied")
_TOGETHER = 5000


def observed(server: LiveServer) -> dict[str, Any]:
    """Return every key that stands still with its type, value and end, and what lies beside the keys."""
    with server.client() as client:
        beside: dict[str, Any] = {
            "functions": call(client, "FUNCTION", "LIST", "WITHCODE"),
            "called": call(client, "FCALL", "f1", 0),
            "HyperLogLog": client.pfcount("visitors"),
            "places": call(client, "GEOPOS", "places", "Berlin", "Paris"),
            "bits": call(client, "BITFIELD", "fields", "GET", "u8", "#3"),
            "binary": client.get("binary"),
            "big": client.strlen("big"),
        }
        for stream in _STREAMS:
            beside[f"groups of {stream}"] = call(client, "XINFO", "GROUPS", stream)
            beside[f"end of {stream}"] = call(client, "XINFO", "STREAM", stream)[:10]
        beside["pending"] = [
            (entry, consumer, count)
            for entry, consumer, _idle, count in call(client, "XPENDING", "stream", "readers", "-", "+", 100)
        ]
        if has_field_times(server):
            beside["times of fields"] = call(
                client, "HPEXPIRETIME", "fading", "FIELDS", 3, "stays", "ends", "later"
            )
    return beside | {f"database {number}": _keys(server, number) for number in DATABASES}


def _keys(server: LiveServer, number: int) -> dict[bytes, tuple[Any, ...]]:
    with server.client(number) as client:
        names = [
            key for key in client.scan_iter(count=_TOGETHER) if not key.startswith(WRITTEN_ALL_THE_WHILE)
        ]
        return dict(entry for part in _parts(names) for entry in _states(client, part))


def _states(client: redis.Redis, names: list[bytes]) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
    asked = (("TYPE",), ("PEXPIRETIME",), ("DEBUG", "DIGEST-VALUE"))
    with raw(client) as exchange:
        found = exchange(
            [command(*words, name) for name in names for words in asked], len(names) * len(asked)
        )
    return zip(names, zip(found[::3], found[1::3], found[2::3], strict=True), strict=True)


def _parts(names: list[bytes]) -> Iterator[list[bytes]]:
    for first in range(0, len(names), _TOGETHER):
        yield names[first : first + _TOGETHER]
