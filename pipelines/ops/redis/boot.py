"""Boot a captured Redis in a scratch server: vet it, choose a program, start it, compare key counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.model import KeyCount, RedisSource
from pipelines.ops.redis.facts import ServerVersion, key_counts
from pipelines.ops.redis.programs import ServerProgram, choose
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.redis.vet import command_table, vet_folder

_DATABASES = 1024
"""Enough for any source: the manifest of a capture without counts does not say how many it uses."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """What this machine offers for scratch servers: programs, a folder with room, bytes of memory."""

    programs: Sequence[ServerProgram]
    root: Path
    memory: int | None = None


def program_for(
    source: RedisSource, scratch: Scratch, *, master_of: ServerVersion | None = None
) -> ServerProgram:
    """Choose the program that boots a source, of its own family when there is one.

    With `master_of` it must also be able to become that server's master for a moment.
    """

    def fits(version: ServerVersion) -> bool:
        loads = source.rdb_version is None or version.loads(source.rdb_version)
        return loads and (master_of is None or version.can_replicate_to(master_of))

    wanted = f"load this point of {source.server} {source.version}"
    if master_of is not None:
        wanted += f" and hand it to {master_of}"
    kin = [program for program in scratch.programs if program.version.family == source.server]
    if any(fits(program.version) for program in kin):
        return choose(kin, fits, purpose=wanted)
    return choose(scratch.programs, fits, purpose=wanted)


def boot(
    source: RedisSource,
    folder: Path,
    program: ServerProgram,
    scratch: Scratch,
    *,
    reachable: str | None = None,
) -> ScratchServer:
    """Vet the AOF files under `folder` and start a server on them; use it as a context manager.

    Raises DamagedError when the files hold anything but data.
    """
    commands = command_table(program, scratch.root)
    vet_folder(folder, commands.data)
    return ScratchServer(
        program,
        folder,
        reachable=reachable,
        databases=max([_DATABASES, *(int(name) + 1 for name in source.databases or ())]),
        memory=scratch.memory,
        without=commands.needless,
    )


def count_problems(source: RedisSource, server: ScratchServer) -> tuple[str, ...]:
    """Compare key counts with those at the cut: persistent keys exactly, volatile ones may have ended."""
    if source.databases is None:
        return ()
    found = key_counts(server.client.info("keyspace"))
    none = KeyCount(keys=0, expires=0)
    problems = []
    for name in sorted(source.databases.keys() | found.keys(), key=int):
        before, after = source.databases.get(name, none), found.get(name, none)
        kept, expected = after.keys - after.expires, before.keys - before.expires
        if not expected - before.fading <= kept <= expected:
            problems.append(f"database {name} boots with {kept} persistent keys instead of {expected}")
        if after.expires > before.expires:
            problems.append(
                f"database {name} boots with {after.expires} volatile keys instead of {before.expires}"
            )
    return tuple(problems)
