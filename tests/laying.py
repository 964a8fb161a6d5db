"""Lay an AOF folder by hand: an RDB, commands, a manifest, damaged or hostile as a test wants it."""

from collections.abc import Mapping
from pathlib import Path

from pipelines.ops.model import RedisSource
from pipelines.ops.redis import aof
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.scratch import ScratchServer

_MANIFEST = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"


def lay(root: Path, base: bytes, increment: bytes = b"", *, manifest: str = _MANIFEST) -> Path:
    """Write `appendonlydir` below a new folder; return that folder."""
    (root / aof.FOLDER).mkdir(parents=True)
    (root / aof.BASE).write_bytes(base)
    (root / aof.INCREMENT).write_bytes(increment)
    (root / aof.MANIFEST).write_text(manifest)
    return root


def rdb_of(program: ServerProgram, folder: Path, values: Mapping[str, str | bytes]) -> bytes:
    """Return an RDB with these values, written by this server."""
    with ScratchServer(program, folder) as server:
        if values:
            server.client.mset(dict(values))
        server.client.save()
        return (folder / "dump.rdb").read_bytes()


def source() -> RedisSource:
    """Describe a point of which nothing is known."""
    return RedisSource(
        way="import",
        server="unknown",
        version="unknown",
        replid=None,
        offset=None,
        rdb_version=None,
        loadable_by=(),
        databases=None,
        files=(),
    )
