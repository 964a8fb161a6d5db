"""Refuse an AOF that holds more than data: `REPLICAOF` or `CONFIG SET` in it would be executed."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.ops.errors import DamagedError
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.redis.stream import CommandSplitter, StreamError

_BLOCK = 1 << 20
_FRAME = frozenset({b"SELECT", b"MULTI", b"EXEC", b"FUNCTION"})
_DIALS_OUT = frozenset({b"MIGRATE"})


def data_commands(program: ServerProgram, scratch_root: Path) -> frozenset[bytes]:
    """Ask an empty server of this program which commands write data; administration is no data."""
    with (
        tempfile.TemporaryDirectory(dir=scratch_root, prefix="commands-") as folder,
        ScratchServer(program, Path(folder)) as server,
    ):
        table = server.client.command()
    return frozenset(_writing(table)) - _DIALS_OUT | _FRAME


def vet(aof: Path, allowed: frozenset[bytes]) -> None:
    """Read an AOF of commands and raise DamagedError at the first that is not data, or at broken bytes."""
    splitter = CommandSplitter(lambda _data: None, seen=lambda name: _check(aof, name, allowed))
    try:
        with aof.open("rb") as file:
            while block := file.read(_BLOCK):
                splitter.feed(block)
    except StreamError as error:
        raise DamagedError(
            f"{aof.name} is no command stream: {error}.", "Use another restore point."
        ) from error
    if not splitter.clean:
        raise DamagedError(
            f"{aof.name} ends inside a command or a transaction.",
            "Use another restore point, or cut it by hand with `redis-check-aof --fix`.",
        )


def _check(aof: Path, name: bytes, allowed: frozenset[bytes]) -> None:
    if name not in allowed:
        raise DamagedError(
            f"{aof.name} holds the command {name.decode(errors='replace')!r}, which is no data.",
            "Do not start any server on it: it may have been tampered with. Use another restore point.",
        )


def _writing(table: Mapping[str, Any]) -> Iterator[bytes]:
    for name, facts in table.items():
        flags = {flag.decode() if isinstance(flag, bytes) else str(flag) for flag in facts["flags"]}
        if "write" in flags and "admin" not in flags:
            yield name.upper().encode()
