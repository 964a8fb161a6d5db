"""Refuse an AOF that holds more than data: `REPLICAOF` or `CONFIG SET` in it would be executed.

Two layers: the files are read before any server starts on them, and the server that boots them has no other
commands (`rename-command`), as an RDB may carry commands behind its end and a server executes those too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.ops.errors import DamagedError
from pipelines.ops.redis import aof
from pipelines.ops.redis.connection import raw
from pipelines.ops.redis.handshake import command
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.redis.stream import CommandSplitter, StreamError
from pipelines.ops.spools import PREFIX, held_folder

_BLOCK = 1 << 20
_FRAME = frozenset({b"SELECT", b"MULTI", b"EXEC"})
_DIALS_OUT = frozenset({b"MIGRATE"})
_OURS = frozenset(
    {
        *(b"AUTH", b"PING", b"INFO", b"COMMAND", b"DEBUG", b"EVAL", b"OBJECT", b"XINFO"),
        *(b"PSYNC", b"REPLCONF"),
    }
)
"""What a scratch server is asked beside reads, and what a target that loads from it says."""
_RDB_MAGICS = (b"REDIS", b"VALKEY")
_OTHER_POINT = "Use another restore point."


@dataclass(frozen=True, slots=True)
class CommandTable:
    """A server's commands by what a data set needs of them: `data` writes it, `needless` can go."""

    data: frozenset[bytes]
    needless: frozenset[bytes]


def command_table(program: ServerProgram, scratch_root: Path) -> CommandTable:
    """Ask an empty server of this program for its commands; administration is no data."""
    with (
        held_folder(scratch_root, f"{PREFIX}commands-") as folder,
        ScratchServer(program, folder / "redis") as server,
        raw(server.client) as exchange,
    ):
        entries = exchange([command("COMMAND")], 1)[0]
    table = {bytes(entry[0]).upper(): _flags(entry) for entry in entries}
    writing = {name for name, flags in table.items() if b"write" in flags and b"admin" not in flags}
    reading = {name for name, flags in table.items() if b"readonly" in flags}
    data = frozenset(writing) - _DIALS_OUT | _FRAME
    return CommandTable(data, frozenset(table) - data - reading - _OURS)


def vet_folder(folder: Path, allowed: frozenset[bytes]) -> None:
    """Vet each file that a server may read commands from when it boots `<folder>/appendonlydir`."""
    for path in sorted((folder / aof.FOLDER).iterdir()):
        if path == folder / aof.MANIFEST or _is_rdb(path):
            continue
        if path.suffix == ".rdb":
            raise DamagedError(f"{path.name} is no RDB file.", _OTHER_POINT)
        vet(path, allowed)


def vet(path: Path, allowed: frozenset[bytes]) -> None:
    """Read an AOF of commands and raise DamagedError at the first that is not data, or at broken bytes."""
    splitter = CommandSplitter(lambda _data: None, seen=lambda name: _check(path, name, allowed))
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                splitter.feed(block)
    except StreamError as error:
        raise DamagedError(f"{path.name} is no command stream: {error}.", _OTHER_POINT) from error
    if not splitter.clean:
        raise DamagedError(
            f"{path.name} ends inside a command or a transaction.",
            "Use another restore point, or cut it by hand with `redis-check-aof --fix`.",
        )


def _check(path: Path, name: bytes, allowed: frozenset[bytes]) -> None:
    if name not in allowed:
        raise DamagedError(
            f"{path.name} holds the command {name.decode(errors='replace')!r}, which is no data.",
            "Do not start any server on it: it may have been tampered with. Use another restore point.",
        )


def _is_rdb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(max(map(len, _RDB_MAGICS))).startswith(_RDB_MAGICS)


def _flags(entry: list[Any]) -> set[bytes]:
    """Return a command's flags; a container such as XGROUP has those of its subcommands."""
    subcommands = entry[9] if len(entry) > 9 else []  # noqa: PLR2004  # the tenth element of COMMAND's reply
    return {bytes(flag) for part in (entry, *subcommands) for flag in part[2]}
