"""Restore the AOF of a Redis that is not running: laid beside, then put in place by a rename."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from app.stores.index.durable import sync
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError
from pipelines.ops.model import RedisDigest, RedisSource
from pipelines.ops.proof.proving import digest_of, fetch
from pipelines.ops.redis.boot import boot, count_problems, program_for
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.journal import RedisLay

_OTHER_POINT = "Use another restore point; `synapse verify` tells which are good."


def planned(work: Context, restore: str) -> RedisLay:
    """Name the folder that is replaced, and the one that is laid beside it."""
    folder = work.settings.redis_folder.absolute()
    return RedisLay(folder=folder, beside=folder.with_name(f".{folder.name}-{restore}"))


def lay(work: Context, source: RedisSource, where: RedisLay, known: RedisDigest | None) -> None:
    """Boot the point once in a scratch server, then write its AOF beside the folder of the stopped server."""
    with work.spool("restore") as spool:
        _boot_once(work, source, spool / "redis", known)
    fetch(work, source, where.beside)
    _give_to_owner(where)


def finish_lay(done: RedisLay) -> None:
    """Put the new folder in place and move the old one aside. Done twice is as done once."""
    if done.beside.exists():
        if done.folder.exists():
            done.folder.rename(replaced_folder(done))
        done.beside.rename(done.folder)
        sync(done.folder.parent)


def remove_beside(beside: Path) -> None:
    """Remove a folder that was laid and not put in place."""
    shutil.rmtree(beside, ignore_errors=True)


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


def _give_to_owner(where: RedisLay) -> None:
    """As root, let the server's own user read what is laid: the data folder's owner, or the old folder's."""
    if os.geteuid() != 0:
        return
    owner = (where.folder if where.folder.exists() else where.folder.parent).stat()
    for path in (where.beside, *where.beside.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
