"""End a restore, whole or interrupted: the target holds wholly the old or wholly the new data, and is free.

Every restore of a running or stopped stack ends here; the one that went well too.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import redis

from app.stores.memory.address import RedisAddress
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, OpsError, UnreachableError
from pipelines.ops.proof.proving import fetch, known_digest
from pipelines.ops.redis.connection import connect, is_loading, named, talking_to
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore import memory, redis_running, swap
from pipelines.ops.restore.claim import claimed
from pipelines.ops.restore.documents import remove_unused, settle
from pipelines.ops.restore.journal import Journal, RedisSwap
from pipelines.ops.restore.locking import no_stack, one_restore
from pipelines.ops.restore.offline import finish_lay, remove_beside
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.redis_running import Safety, address_of
from pipelines.ops.spools import remove_dead

Ended = Literal["finished", "undone"]
_RETURN_S = 10.0
"""A target is given this time to answer."""
_RESTART_S = 75.0
"""And this when it was lost in the middle of a restore: Docker waits up to a minute before another start."""
_POLL_S = 0.1


def recover(work: Context) -> Ended | None:
    """End an interrupted restore of this data folder; None when there was none.

    What a restore that was killed early left on the disks is removed in any case. Raises RefusedError while
    a restore is running, UnreachableError when its target does not answer.
    """
    remove_dead(work.scratch.root)
    if journals.read(work.data_dir) is None:
        _tidy(work)
        return None
    with one_restore(work.data_dir):
        journal = journals.read(work.data_dir)
        if journal is None:
            return None
        if journal.swap is not None:
            address = address_of(work, journal.swap)
            _wait_for(work, address)
            with claimed(address):
                return end(work, journal)
        if journal.lay is None:
            return end(work, journal)
        with no_stack(work.data_dir):
            return end(work, journal)


def end(work: Context, journal: Journal, *, failed: bool = False, safety: Safety | None = None) -> Ended:
    """End the restore of a journal; only while its data folder is held.

    After a restore that `failed`, the `safety` copy is swapped back if the new data is there.
    """
    new = journal.compared
    if journal.swap is not None:
        address = address_of(work, journal.swap)
        _wait_for(work, address, lost=failed)
        with talking_to(address), WritePause(address) as pause:
            new = _free(work, journal, journal.swap, pause, failed=failed, safety=safety)
            journal = _decided(work, journal, new=new)
            settle(work, journal.epochs, new=new)
        with talking_to(address), connect(address) as client:
            client.client_unpause()
            swap.unmark_when_free(client)
    else:
        settle(work, journal.epochs, new=new)
    if journal.lay is not None:
        finish_lay(journal.lay)
    remove_unused(work, journal.epochs)
    journals.remove(work.data_dir)
    sweep(work)
    return "finished" if new else "undone"


def sweep(work: Context) -> None:
    """Remove what a restore laid beside the data and did not put in use; only while no journal needs it."""
    journals.remove_unfinished(work.data_dir)
    left = journals.prepared(work.data_dir)
    if left is None or journals.read(work.data_dir) is not None:
        return
    remove_unused(work, left.epochs)
    if left.beside is not None:
        remove_beside(left.beside)
    journals.prepare(work.data_dir, None)


def _tidy(work: Context) -> None:
    """Remove what was laid for a restore that was killed before it had a journal, unless one is running."""
    if journals.prepared(work.data_dir) is not None or journals.unfinished(work.data_dir):
        # Whoever may not write here leaves it to one who may.
        with suppress(OpsError), one_restore(work.data_dir):
            sweep(work)


def _free(
    work: Context,
    journal: Journal,
    swapped: RedisSwap,
    pause: WritePause,
    *,
    failed: bool,
    safety: Safety | None,
) -> bool:
    """Make the paused target a master with its own configuration; True when it keeps the new data.

    It is taken from its master first: what it holds does not change any more while that is looked at. One
    that was a master already has been restarted and may have taken writes, so it keeps what it holds.
    """
    address = address_of(work, swapped)
    with pause.joined() as client:
        was_replica = swap.free(client, address, swapped)
        new = journal.compared or swap.holds(client, swapped.marker)
        if new and was_replica and not journal.compared:
            if failed:
                new = not _put_back(work, journal, safety, pause)
            elif not _is_right(work, journal, address):
                with work.spool("recover") as spool:
                    new = not _put_back(work, journal, _fetched(work, journal, spool / "safety"), pause)
        swap.configure(client, swapped.configuration)
        swap.keep(client, pause)
        memory.wait_until_freed(client, pause)
    return new


def _put_back(work: Context, journal: Journal, safety: Safety | None, pause: WritePause) -> bool:
    """Swap the old data back; False when the new data has to stay."""
    if safety is None or journal.swap is None:
        return False
    try:
        with work.watch.step("Swap the old data back"):
            redis_running.put_back(work, journal, safety, pause)
    except OpsError as error:
        work.watch.note(f"The old data could not be swapped back: {error.what}")
    with pause.joined() as client:
        if str(client.info("replication")["role"]) != "master":
            client.replicaof("NO", "ONE")
        return not swap.holds(client, journal.swap.marker)


def _is_right(work: Context, journal: Journal, address: RedisAddress) -> bool:
    """Compare new data that nobody has compared yet, when the point's digest is known."""
    known = known_digest(work, journal.point)
    if known is None:
        return True
    try:
        redis_running.compare(work, address, known)
    except DamagedError as error:
        work.watch.note(error.what)
        return False
    return True


def _fetched(work: Context, journal: Journal, folder: Path) -> Safety | None:
    if journal.safety is None:
        return None
    point = work.repository.load(work.repository.resolve(journal.safety))
    if point.redis is None:
        return None
    fetch(work, point.redis, folder)
    return Safety(folder, point.redis)


def _decided(work: Context, journal: Journal, *, new: bool) -> Journal:
    """Note that the new data stays: once its mark is gone, nothing else would tell."""
    if new and not journal.compared:
        journal = journal.model_copy(update={"compared": True})
        journals.write(work.data_dir, journal)
    return journal


def _wait_for(work: Context, address: RedisAddress, *, lost: bool = False) -> None:
    """Give a target the time to come back; one that loads its data is back."""
    if _is_back(address):
        return
    limit = _RESTART_S if lost else _RETURN_S
    work.watch.note(f"{named(address)} does not answer; waiting up to {limit:g} s for it ...")
    deadline = time.monotonic() + limit
    while not _is_back(address):
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"A restore into {named(address)} was interrupted, and it does not answer.",
                "Start it; the next `synapse` call then finishes or undoes the restore.",
            )
        time.sleep(_POLL_S)  # nothing tells when a server is back


def _is_back(address: RedisAddress) -> bool:
    """Say whether the target is there. Raises UnreachableError when it lets nobody in."""
    try:
        return redis_running.listens(address)
    except UnreachableError as error:
        if is_loading(error):
            return True
        if isinstance(error.__cause__, redis.AuthenticationError | redis.ResponseError):
            raise
        return False
