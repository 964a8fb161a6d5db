"""Restore into a running stack: everything is made ready first, then both stores are swapped in one pause."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.stores.index.layout import indexes_root
from pipelines.ops.backup import store
from pipelines.ops.capture.documents import capture_collections
from pipelines.ops.capture.redis_wire import CapturedRedis, RedisWireCapture
from pipelines.ops.context import Context
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import fetch, known_digest
from pipelines.ops.redis.connection import connect, talking_to
from pipelines.ops.repository import PointRef
from pipelines.ops.restore import journal, redis_running, swap
from pipelines.ops.restore.backend import check_backend
from pipelines.ops.restore.documents import StagedDocuments, stage
from pipelines.ops.restore.journal import Journal
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.recover import undo
from pipelines.ops.restore.redis_running import ReadyRedis


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
    capture: RedisWireCapture | None = None
    safety: PointRef | None = None
    old: CapturedRedis | None = None
    undone: bool = False


def restore_running(
    work: Context, ref: PointRef, point: RestorePoint, *, restore: str, safety: bool
) -> Outcome:
    """Make the running stack hold the point. On any error before the end the old data is put back.

    `restore` is a fresh name for this restore; with `safety` a safety point of the present data is kept.
    """
    with work.spool("restore") as spool, ExitStack() as ready:
        redis = documents = None
        if point.faiss is not None:
            documents = stage(work, point.faiss, spool / "faiss")
            ready.callback(documents.discard_unless_switched)
        if point.redis is not None:
            fetch(work, point.redis, spool / "redis")
            redis = ready.enter_context(
                redis_running.made_ready(
                    work, point.redis, spool / "redis", restore=restore, known=known_digest(work, ref.id)
                )
            )
        began = Journal(
            restore=restore,
            point=ref.id,
            swap=redis.journal if redis else None,
            epochs=documents.switches if documents else (),
        )
        both = _Swap(work, spool, began, redis, documents)
        if safety:
            _begin_safety(both, ready)
        _swap(both, safety=safety)
        return Outcome(both.safety, tuple(one.collection for one in both.journal.epochs))


def _begin_safety(both: _Swap, ready: ExitStack) -> None:
    """Copy what Redis holds before the pause begins, so that only the last writes are left for it."""
    if both.redis is None:
        return
    with both.work.watch.step("Copy the present data of Redis for the safety point") as advance:
        both.capture = ready.enter_context(
            RedisWireCapture(both.redis.address, both.spool / "safety", progress=advance)
        )
        both.capture.wait_for_copy()


def _swap(both: _Swap, *, safety: bool) -> None:
    work = both.work
    with ExitStack() as held:
        journal.write(work.data_dir, both.journal)
        held.enter_context(_undone_on_error(both))
        if both.documents is not None:
            with both.documents.held():
                """No write is under way any more, and the journal refuses new ones."""
        pause = held.enter_context(WritePause(both.redis.address)) if both.redis else None
        check = pause.check if pause else _unpaused
        # Once more inside: the old data must be back before writes are let in again.
        held.enter_context(_undone_on_error(both))
        if safety:
            _keep_safety(both)
        if both.redis is not None:
            redis_running.load(work, both.redis, check)
            redis_running.compare(work, both.redis.address, both.redis.expected, both.spool)
        if both.documents is not None:
            with both.documents.held():
                both.documents.switch()
        check_backend(work, both.documents)
        check()
        both.journal = both.journal.model_copy(update={"compared": True})
        journal.write(work.data_dir, both.journal)
        if both.redis is not None:
            with talking_to(both.redis.address), connect(both.redis.address) as client:
                redis_running.finish(client, both.redis.journal)
    _settle(both)


def _settle(both: _Swap) -> None:
    """Take the traces of the swap away, after writes have come back."""
    if both.redis is not None:
        with talking_to(both.redis.address), connect(both.redis.address) as client:
            swap.unmark(client)
    journal.remove(both.work.data_dir)
    if both.documents is not None:
        both.documents.remove_old()


@contextmanager
def _undone_on_error(both: _Swap) -> Iterator[None]:
    """Put the old data back when anything fails before the journal says that the new one was compared."""
    try:
        yield
    except BaseException:
        if not both.journal.compared and not both.undone:
            with both.work.watch.step("Roll back"):
                undo(both.work, both.journal, both.old.folder if both.old else None)
            both.undone = True
        raise


def _keep_safety(both: _Swap) -> None:
    """Drain the copy to the paused server's offset, snapshot the documents, publish both as one point."""
    work, started = both.work, both.work.now()
    if both.capture is not None:
        both.old = both.capture.cut()
    documents = None
    if both.documents is not None:
        with work.watch.step("Snapshot the present documents for the safety point") as advance:
            documents = capture_collections(
                indexes_root(work.data_dir), both.spool / "safety-faiss", progress=advance
            )
    if both.old is None and documents is None:
        return
    both.safety, _, _ = store(work, both.old, documents, started=started, label="safety")
    both.journal = both.journal.model_copy(update={"safety": both.safety.id})
    journal.write(work.data_dir, both.journal)


def _unpaused() -> None:
    """Nothing is paused when only documents are restored; their lock is held."""
