"""Restore: end what was interrupted, plan, refuse what cannot go well, then carry it out."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pipelines.ops.context import Context
from pipelines.ops.errors import NothingError
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import known_digest
from pipelines.ops.reporting import Timing
from pipelines.ops.repository import PointRef
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore import offline
from pipelines.ops.restore.documents import planned, stage
from pipelines.ops.restore.into_folder import restore_into, sweep_beside
from pipelines.ops.restore.journal import Journal, Preparation
from pipelines.ops.restore.locking import no_stack, one_restore
from pipelines.ops.restore.plan import RestorePlan, make_plan
from pipelines.ops.restore.recover import end, sweep
from pipelines.ops.restore.running import restore_running


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored where, what it was before, and how long each step took."""

    plan: RestorePlan
    safety: PointRef | None
    replaced: Path | None
    timings: tuple[Timing, ...]


def choose_point(work: Context, name: str, only: str | None) -> tuple[PointRef, RestorePoint]:
    """Find a point by name and leave out the source that is not wanted."""
    ref = work.repository.resolve(name)
    point = work.repository.load(ref)
    if only == "redis":
        point = point.model_copy(update={"faiss": None})
    elif only == "faiss":
        point = point.model_copy(update={"redis": None})
    if point.redis is None and point.faiss is None:
        raise NothingError(
            f"The point {ref.short} holds no {only}.", "Leave out --only, or name another point."
        )
    return ref, point


def restore(
    work: Context,
    name: str,
    *,
    into: Path | None = None,
    only: str | None = None,
    force: bool = False,
    agreed: Callable[[RestorePlan], bool] = lambda _plan: True,
) -> RestoreReport | None:
    """Restore a point; None when `agreed` says no to the plan (a dry run, or an operator).

    With `force` no safety point is kept.
    """
    ref, point = choose_point(work, name, only)
    if into is not None:
        sweep_beside(into)
        plan = make_plan(work, ref, point, into=into, force=force)
        if not agreed(plan):
            return None
        restore_into(work, point, into)
        return _report(work, plan)
    with one_restore(work.data_dir):
        plan = make_plan(work, ref, point, into=None, force=force)
        if not agreed(plan):
            return None
        sweep(work)
        if plan.kind == "running":
            done = restore_running(work, ref, point, restore=_name(), safety=not force)
            return _report(work, plan, safety=done.safety)
        with no_stack(work.data_dir):
            return _report(work, plan, replaced=_restore_stopped(work, ref, point))


def _restore_stopped(work: Context, ref: PointRef, point: RestorePoint) -> Path | None:
    """Lay both stores beside, write the journal, put them in place; the journal finishes it after a crash."""
    restore_name = _name()
    switches = planned(work, point.faiss)
    where = offline.planned(work, restore_name) if point.redis else None
    journals.prepare(work.data_dir, Preparation(epochs=switches, beside=where.beside if where else None))
    with ExitStack() as laid:
        laid.callback(sweep, work)
        if point.faiss is not None:
            with work.spool("documents") as spool:
                stage(work, point.faiss, switches, spool / "faiss")
        if point.redis is not None and where is not None:
            offline.lay(work, point.redis, where, known_digest(work, ref.id))
        journal = Journal(restore=restore_name, point=ref.id, compared=True, lay=where, epochs=switches)
        journals.write(work.data_dir, journal)
        with work.watch.step("Put the restored data in place"):
            end(work, journal)
    aside = offline.replaced_folder(where) if where else None
    return aside if aside and aside.exists() else None


def _name() -> str:
    return uuid4().hex[:16]


def _report(
    work: Context, plan: RestorePlan, *, safety: PointRef | None = None, replaced: Path | None = None
) -> RestoreReport:
    return RestoreReport(plan, safety, replaced, tuple(work.watch.timings))
