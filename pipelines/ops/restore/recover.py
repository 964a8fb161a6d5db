"""Finish or undo what an interrupted restore left: the target holds wholly the old or the new data."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import redis

from app.stores.memory.address import RedisAddress
from pipelines.ops.capture.epochs import point_to, remove_epoch
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import fetch, known_digest
from pipelines.ops.redis.connection import connect, named, talking_to
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore import redis_running, swap
from pipelines.ops.restore.documents import back, folder_of
from pipelines.ops.restore.journal import Journal, RedisSwap
from pipelines.ops.restore.locking import one_restore
from pipelines.ops.restore.offline import finish_lay, undo_lay

Ended = Literal["finished", "undone"]


def recover(work: Context) -> Ended | None:
    """End an interrupted restore of this data folder; None when there was none.

    Raises RefusedError while a restore is running, UnreachableError when its target does not answer.
    """
    if journals.read(work.data_dir) is None:
        return None
    with one_restore(work.data_dir):
        journal = journals.read(work.data_dir)
        return end(work, journal) if journal else None


def end(work: Context, journal: Journal) -> Ended:
    """End the restore of a journal; only while its data folder is held."""
    new = _holds_new(work, journal)
    if new:
        for one in journal.epochs:
            point_to(folder_of(work, one), one.new)
    if journal.swap is not None:
        _free(_address(work, journal.swap), journal.swap)
    if journal.lay is not None:
        (finish_lay if new else undo_lay)(journal.lay)
    for one in journal.epochs:
        if not new:
            back(work, one)
        unused = one.old if new else one.new
        if unused is not None:
            remove_epoch(folder_of(work, one), unused)
    journals.remove(work.data_dir)
    return "finished" if new else "undone"


def undo(work: Context, journal: Journal, safety: Path | None) -> bool:
    """Put the old data back into a target that is still paused; False when Redis had to keep the new data.

    `safety` is the folder with the AOF of the old data.
    """
    old = True
    if journal.swap is not None:
        old = redis_running.put_back(work, _address(work, journal.swap), journal.swap, safety)
    for one in journal.epochs:
        if old:
            back(work, one)
        else:
            point_to(folder_of(work, one), one.new)
    journals.remove(work.data_dir)
    return old


def _holds_new(work: Context, journal: Journal) -> bool:
    if journal.compared:
        return True
    if journal.swap is None:
        return False
    address = _address(work, journal.swap)
    with talking_to(address), connect(address) as client:
        role = client.info("replication")
        if not swap.holds(client, journal.swap.marker):
            return False
        if role["role"] == "master":
            return True
        swap.wait_for_aof(client, lambda: None)
    return _is_right(work, journal, address)


def _is_right(work: Context, journal: Journal, address: RedisAddress) -> bool:
    """Compare a swapped target that nobody has compared yet; swap the safety point back when it is wrong."""
    known = known_digest(work, journal.point)
    if known is None or journal.swap is None:
        return True
    with work.spool("recover") as spool:
        try:
            redis_running.compare(work, address, known, spool)
        except DamagedError:
            if journal.safety is None:
                raise
            _fetch_safety(work, journal.safety, spool / "safety")
            redis_running.put_back(work, address, journal.swap, spool / "safety")
            return False
    return True


def _fetch_safety(work: Context, safety: str, folder: Path) -> None:
    point: RestorePoint = work.repository.load(work.repository.resolve(safety))
    if point.redis is None:
        raise OpsError(f"The safety point {safety} holds no Redis.", "Restore an older point.")
    fetch(work, point.redis, folder)


def _free(address: RedisAddress, swapped: RedisSwap) -> None:
    """Make the target a master with its own configuration, and take the marks away."""
    with talking_to(address), connect(address) as client:
        _refuse_strangers_replica(client, address, swapped)
        swap.promote(client, swapped.configuration)
        client.client_unpause()
        swap.unmark(client)


def _refuse_strangers_replica(client: redis.Redis, address: RedisAddress, swapped: RedisSwap) -> None:
    info = client.info("replication")
    if info["role"] == "slave" and int(info["master_port"]) != swapped.master_port:
        raise RefusedError(
            f"{named(address)} is now a replica of {info['master_host']}:{info['master_port']}.",
            "Make it a master, then run any `synapse` command to end the interrupted restore.",
        )


def _address(work: Context, swapped: RedisSwap) -> RedisAddress:
    """Return the journal's target, with the login of the settings."""
    return replace(work.settings.redis, host=swapped.host, port=swapped.port)
