"""Restore the AOF of a Redis that is not running: laid beside, then put in place by a rename."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError
from pipelines.ops.model import RedisDigest, RedisSource
from pipelines.ops.proof.proving import digest_of, fetch
from pipelines.ops.redis.boot import boot, count_problems, program_for
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.journal import RedisLay

_OTHER_POINT = "Use another restore point; `synapse verify` tells which are good."


def lay(work: Context, source: RedisSource, restore: str, known: RedisDigest | None) -> RedisLay:
    """Boot the point once in a scratch server, then write its AOF beside the folder of the stopped server."""
    with work.spool("restore") as spool:
        _boot_once(work, source, spool / "redis", known)
    folder = work.settings.redis_folder.absolute()
    beside = folder.with_name(f".{folder.name}-{restore}")
    fetch(work, source, beside)
    return RedisLay(folder=folder, beside=beside)


def finish_lay(done: RedisLay) -> Path | None:
    """Put the new folder in place; return where the old one was moved to. Done twice is as done once."""
    aside = replaced_folder(done)
    if done.beside.exists():
        if done.folder.exists():
            done.folder.rename(aside)
        done.beside.rename(done.folder)
        _sync(done.folder.parent)
    return aside if aside.exists() else None


def undo_lay(done: RedisLay) -> None:
    """Leave the old folder in place, or put it back there."""
    aside = replaced_folder(done)
    if aside.exists() and not done.folder.exists():
        aside.rename(done.folder)
    shutil.rmtree(done.beside, ignore_errors=True)
    _sync(done.folder.parent)


def replaced_folder(done: RedisLay) -> Path:
    """Return where the data of a stopped server goes when a restore replaces it."""
    return done.folder.with_name(f"{done.folder.name}-replaced-by-{done.beside.name.rsplit('-', 1)[-1]}")


def _boot_once(work: Context, source: RedisSource, folder: Path, known: RedisDigest | None) -> None:
    fetch(work, source, folder)
    program = program_for(source, work.scratch)
    with ExitStack() as stack:
        with work.watch.step("Boot the point in a scratch server"):
            server = stack.enter_context(boot(source, folder, program, work.scratch))
        problems = list(count_problems(source, server))
        if known is not None:
            problems += differences(known, digest_of(work, server, "Compare it with its proof"))
    if problems:
        raise DamagedError(f"The restore point is not what was saved: {'; '.join(problems)}.", _OTHER_POINT)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
