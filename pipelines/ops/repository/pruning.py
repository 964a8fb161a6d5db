"""Delete what no restore point needs, in two passes and without a lock; run again after any crash.

A running backup may use an object that no point needs yet. So one pass only writes down what was not needed
(a list of condemned objects). When that list is ripe, a later one records that it deletes, reads the lists
and then every point again, and deletes what the list names, no point needs, and nobody has put again since.
`guarding.py` is the backup's side, `times.py` the rules; tests explore every interleaving of both.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.ops.errors import OpsError
from pipelines.ops.repository.condemned import Listed, read_lists, read_records
from pipelines.ops.repository.condemning import condemn, sort_objects
from pipelines.ops.repository.deleting import (
    Outcome,
    OverError,
    Pretended,
    Right,
    awake,
    delete_doomed,
    doomed_by,
    right_to_delete,
)
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.proofs import FOLDER as PROOFS
from pipelines.ops.repository.store import LockedError, ObjectStore
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times

_TRIES = 20
"""Each has a record of its own, and so a turn of time; one that deletes much needs some."""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune found and did, or with `dry` would do; in `ripe_in` seconds more may be deleted.

    Of all objects: `needed` by points; `waiting` in lists that are not ripe; `fresh`, not needed but too
    young to be condemned; `condemned` newly; `deleted`; `locked`, which the store let nobody delete, so
    that they are condemned anew. With `hidden` the store keeps what was deleted as
    older versions, so that the space is not free. `proofs` is how many were removed whose point is gone.
    """

    dry: bool
    needed: Tally
    waiting: Tally
    fresh: Tally
    condemned: Tally
    deleted: Tally
    locked: Tally
    hidden: bool
    proofs: int
    ripe_in: float | None


@dataclass(slots=True)
class _SecondPass:
    """What points need, which lists were carried out, what counts as `gone`, what was deleted so far."""

    dry: bool
    needed: Needed = field(default_factory=lambda: Needed(frozenset(), frozenset()))
    lists: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    deleted: Tally = field(default_factory=Tally)
    locked: Tally = field(default_factory=Tally)
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Pruner:
    """One prune of a store; `now` is this machine's clock, for names only."""

    store: ObjectStore
    read_needed: Callable[[], Needed]
    times: Times
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = awake

    def run(self, *, dry: bool = False, progress: Progress = lambda _objects: None) -> PruneReport:
        """Carry out both passes; with `dry` change nothing. `progress` counts objects that were looked at.

        Raises DamagedError, before any object is deleted, when a manifest cannot be read.
        """
        # Before the points: then none is there of a point that appears meanwhile.
        proofs = [(stored.key, stored.key.split("/")[1]) for stored in self.store.list(PROOFS)]
        second = self._second_pass(dry=dry, progress=progress)
        needed = second.needed
        unripe = [one for one in read_lists(self.store) if one.key not in second.lists]
        found = sort_objects(
            self.store, needed, unripe, gone=second.gone, times=self.times, progress=progress
        )
        orphans = [key for key, point in proofs if point not in needed.points]
        removed = len(orphans)
        if not dry:
            condemn(self.store, found.guilty, self.now())
            removed = self._clear(orphans)
            self._clear(self._dead_records())
        return PruneReport(
            dry=dry,
            needed=found.needed,
            waiting=found.waiting,
            fresh=found.fresh,
            condemned=found.condemned,
            deleted=second.deleted,
            locked=second.locked,
            hidden=second.hidden,
            proofs=removed,
            ripe_in=self._ripe_in(unripe, new=bool(found.guilty)),
        )

    def _second_pass(self, *, dry: bool, progress: Progress) -> _SecondPass:
        done = _SecondPass(dry=dry)
        for _ in range(_TRIES):
            now = self.store.clock()
            ripe = [one for one in read_lists(self.store) if self.times.ripe(one.written, now)]
            if dry or not ripe:
                self._carry_out(ripe, Pretended(self.store, self.times, self.monotonic, now), done, progress)
                return done
            with (
                suppress(OverError),
                right_to_delete(self.store, self.times, ripe, self.now(), self.monotonic) as right,
            ):
                self._carry_out(ripe, right, done, progress)
                return done
        raise OpsError(
            f"In {_TRIES} tries this prune of {self.store.place} did not get to its end in time: reading"
            f" every manifest takes longer than {self.times.turn / 60:.0f} minutes.",
            "Forget some restore points, or prune from a machine that is nearer to the store.",
        )

    def _carry_out(self, ripe: list[Listed], right: Right, done: _SecondPass, progress: Progress) -> None:
        # Another prune may have ended with some of them since, so that no backup need know them.
        there = [one for one in ripe if self.store.written(one.key) is not None]
        done.needed = self.read_needed()
        doomed = doomed_by(there, done.needed)
        # Closed before the record goes, whatever ends this: by then nothing is being deleted any more.
        with closing(delete_doomed(doomed, right, progress)) as deleted:
            for stored, outcome in deleted:
                if outcome is Outcome.LOCKED:
                    done.locked = done.locked.and_one(stored)
                else:
                    done.deleted = done.deleted.and_one(stored)
                done.hidden = done.hidden or outcome is Outcome.HIDDEN
        done.lists = frozenset(one.key for one in there)
        done.gone = frozenset(doomed) if done.dry else frozenset()
        self._clear([] if done.dry else done.lists)

    def _clear(self, keys: Iterable[str]) -> int:
        """Delete what is not locked; return how much that was."""
        cleared = 0
        for key in keys:
            with suppress(LockedError):
                self.store.delete(key)
                cleared += 1
        return cleared

    def _dead_records(self) -> list[str]:
        now = self.store.clock()
        return [one.key for one in read_records(self.store) if not self.times.deleting(one.written, now)]

    def _ripe_in(self, unripe: Sequence[Listed], *, new: bool) -> float | None:
        now = self.store.clock()
        waits = [one.written + self.times.grace - now for one in unripe]
        return min([*waits, *([self.times.grace] if new else [])], default=None)
