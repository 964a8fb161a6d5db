"""Restore into a running stack: everything is made ready first, then both stores are swapped in one pause."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.stores.index.layout import indexes_root
from pipelines.ops.backup import store
from pipelines.ops.capture.documents import CapturedFaiss, capture_collections, unchanged
from pipelines.ops.capture.redis_wire import CapturedRedis, RedisWireCapture
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import fetch, known_digest
from pipelines.ops.redis.connection import talking_to
from pipelines.ops.reporting import Advance
from pipelines.ops.repository import PointRef
from pipelines.ops.repository.store import StoreFullError
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore import redis_running
from pipelines.ops.restore.backend import check_backend
from pipelines.ops.restore.claim import claimed
from pipelines.ops.restore.documents import StagedDocuments, planned, stage
from pipelines.ops.restore.journal import Journal, Preparation
from pipelines.ops.restore.locking import no_capture
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.recover import end, sweep
from pipelines.ops.restore.redis_running import ReadyRedis, Safety
from pipelines.ops.restore.unkept import unkept


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restore did: the safety point that holds what was there before, if one was made."""

    safety: PointRef | None
    switched: tuple[str, ...]


@dataclass(slots=True)
class _Swap:
    """Both halves of one restore into a running stack, while it lasts."""

    work: Context
    spool: Path
    journal: Journal
    redis: ReadyRedis | None
    documents: StagedDocuments | None
    before: Path | None = None
    present: CapturedFaiss | None = None
    capture: RedisWireCapture | None = None
    safety: PointRef | None = None
    old: CapturedRedis | None = None
    touched: bool = False


def restore_running(
    work: Context, ref: PointRef, point: RestorePoint, *, restore: str, safety: bool
) -> Outcome:
    """Make the running stack hold the point. On any error before the end the old data is put back.

    `restore` is a fresh name for this restore; with `safety` a safety point of the present data is kept.
    """
    switches = planned(work, point.faiss)
    journals.prepare(work.data_dir, Preparation(epochs=switches))
    with work.spool("restore") as spool, ExitStack() as ready:
        ready.callback(sweep, work)
        redis = documents = None
        if point.redis is not None:
            ready.enter_context(claimed(work.settings.redis))
        if point.faiss is not None:
            documents = stage(work, point.faiss, switches, spool / "faiss")
        if point.redis is not None:
            fetch(work, point.redis, spool / "redis")
            known = known_digest(work, ref.id)
            redis = ready.enter_context(
                redis_running.made_ready(work, point.redis, spool / "redis", restore=restore, known=known)
            )
        journal = Journal(
            restore=restore, point=ref.id, swap=redis.journal if redis else None, epochs=switches
        )
        both = _Swap(work, spool, journal, redis, documents)
        ready.enter_context(no_capture(work.data_dir))
        if safety:
            _begin_safety(both, ready)
        _swap(both, safety=safety)
        return Outcome(both.safety, tuple(one.collection for one in switches))


def _begin_safety(both: _Swap, ready: ExitStack) -> None:
    """Copy and store what is there before the pause begins, so that only the last writes are left for it."""
    work = both.work
    if both.redis is not None:
        with work.watch.step("Copy the present data of Redis for the safety point") as advance:
            both.capture = ready.enter_context(
                RedisWireCapture(both.redis.address, both.spool / "safety", progress=advance)
            )
            copied = both.capture.wait_for_copy()
        with (
            work.watch.step("Store it", total=copied.stat().st_size) as advance,
            unkept(StoreFullError),
        ):
            work.repository.store_files([(copied.name, copied)], advance)
    if both.documents is not None:
        with (
            work.watch.step("Store the present documents for the safety point"),
            unkept(StoreFullError),
        ):
            both.before = ready.enter_context(work.spool("before"))
            both.present = _present_documents(work, both.before)
            work.repository.store_files(both.present.files if both.present else ())
    # Now, while writes go on: the safety point is published while they are held.
    work.repository.outlast_prunes(work.watch.note)


def _present_documents(
    work: Context, spool: Path, advance: Advance = lambda _amount: None
) -> CapturedFaiss | None:
    try:
        return capture_collections(indexes_root(work.data_dir), spool / "faiss", progress=advance)
    except DamagedError as error:
        raise DamagedError(error.what, "Add --force to restore without a safety point.") from error


def _swap(both: _Swap, *, safety: bool) -> None:
    """Journal, swap, and end: what ends a restore that went well also ends one that did not."""
    work = both.work
    try:
        journals.write(work.data_dir, both.journal)
        _swap_paused(both, safety=safety)
    except BaseException as error:
        _undo(both, error)
        raise
    _finish(both)


def _finish(both: _Swap) -> None:
    """End a restore that went well, also when it is told to end meanwhile: there is no way back any more."""
    try:
        end(both.work, both.journal)
    except KeyboardInterrupt:
        end(both.work, both.journal)
        both.work.watch.note("The new data is in its place.")
        raise


def _swap_paused(both: _Swap, *, safety: bool) -> None:
    """Hold writes, keep what is there, swap both stores, look at the result, and note that it is right."""
    work = both.work
    if both.documents is not None:
        both.documents.wait_for_writers()
    with ExitStack() as held:
        pause = held.enter_context(WritePause(both.redis.address)) if both.redis else None
        if safety:
            _keep_safety(both)
        both.touched = True
        if both.redis is not None and pause is not None:
            redis_running.load(work, both.redis, pause)
            _compare(work, both.redis, pause)
        if both.documents is not None:
            both.documents.switch()
        check_backend(work, both.documents)
        if both.redis is not None and pause is not None:
            redis_running.check_memory(both.redis, pause)
            pause.check()
        _note(both, {"compared": True})


def _compare(work: Context, redis: ReadyRedis, pause: WritePause) -> None:
    try:
        redis_running.compare(work, redis.address, redis.expected)
    except DamagedError:
        # One that was restarted meanwhile has taken writes: that is the reason then, and no damage.
        with talking_to(redis.address):
            pause.joined().close()
        raise


def _undo(both: _Swap, error: BaseException) -> None:
    """End a restore that failed; raise what failed together with what became of the data."""
    old = Safety(both.old.folder, both.old.source(())) if both.old else None
    try:
        with both.work.watch.step("Roll back"):
            ended = end(both.work, both.journal, failed=True, safety=old)
    except OpsError as second:
        raise OpsError(
            f"{_told(error)} The restore could not be ended: {second.what}",
            f"{second.hint} The next `synapse` call ends it.",
        ) from error
    state = "The old data is back." if ended == "undone" else "The new data had to stay."
    if isinstance(error, OpsError):
        # Refused means that nothing was touched.
        kind = OpsError if both.touched and isinstance(error, RefusedError) else type(error)
        raise kind(f"{error.what} {state}", error.hint) from error
    both.work.watch.note(state)


def _told(error: BaseException) -> str:
    return error.what if isinstance(error, OpsError) else f"The restore was stopped ({type(error).__name__})."


def _keep_safety(both: _Swap) -> None:
    """Drain the copy to the paused server's offset, snapshot the documents, publish both as one point."""
    work, started = both.work, both.work.now()
    if both.capture is not None:
        both.old = both.capture.cut()
    documents = None
    if both.documents is not None:
        with work.watch.step("Snapshot the present documents for the safety point") as advance:
            documents = _snapshot(both, advance)
    if both.old is None and documents is None:
        return
    with unkept(StoreFullError):
        both.safety = store(work, both.old, documents, started=started, label="safety")
    _note(both, {"safety": both.safety.id})


def _snapshot(both: _Swap, advance: Advance) -> CapturedFaiss | None:
    """Copy the documents again only if any was written since: that is most of the pause with many."""
    if both.before is not None:
        if unchanged(both.present, indexes_root(both.work.data_dir)):
            return both.present
        # There is room for one copy.
        shutil.rmtree(both.before / "faiss", ignore_errors=True)
    return _present_documents(both.work, both.spool / "safety", advance)


def _note(both: _Swap, update: dict[str, object]) -> None:
    noted = both.journal.model_copy(update=update)
    journals.write(both.work.data_dir, noted)
    both.journal = noted
