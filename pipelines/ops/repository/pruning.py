"""Delete what no restore point needs, in two passes and without a lock; run again after any crash.

A running backup may use an object that no point needs yet. So one pass only writes down what was not needed
(a list of condemned objects). When that list is ripe, a later one records that it deletes, reads the lists
and then every point again, and deletes what the list names, no point needs, and nobody has put again since.
`guarding.py` is the backup's side, `times.py` the rules; tests explore every interleaving of both.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.ops.repository.condemned import Listed, read_lists, read_records
from pipelines.ops.repository.condemning import condemn, sort_objects
from pipelines.ops.repository.deleting import delete_doomed, doomed_by, right_to_delete
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.proofs import FOLDER as PROOFS
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune found and did, or with `dry` would do; in `ripe_in` seconds more may be deleted.

    Of all objects: `needed` by points; `waiting` in lists that are not ripe; `fresh`, not needed but too
    young to be condemned; `condemned` newly; `deleted`. With `hidden` the store keeps what was deleted as
    older versions, so that the space is not free. `proofs` is how many were removed whose point is gone.
    """

    dry: bool
    needed: Tally
    waiting: Tally
    fresh: Tally
    condemned: Tally
    deleted: Tally
    hidden: bool
    proofs: int
    ripe_in: float | None


@dataclass(frozen=True, slots=True)
class _SecondPass:
    """What points need, which lists were carried out, what counts as `gone`, what was deleted."""

    needed: Needed
    lists: frozenset[str]
    gone: frozenset[str]
    deleted: Tally
    hidden: bool


@dataclass(frozen=True, slots=True)
class Pruner:
    """One prune of a store; `now` is this machine's clock, for names only."""

    store: ObjectStore
    read_needed: Callable[[], Needed]
    times: Times
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

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
        if not dry:
            condemn(self.store, found.guilty, self.now())
            self._clear([*orphans, *self._dead_records()])
        return PruneReport(
            dry=dry,
            needed=found.needed,
            waiting=found.waiting,
            fresh=found.fresh,
            condemned=found.condemned,
            deleted=second.deleted,
            hidden=second.hidden,
            proofs=len(orphans),
            ripe_in=self._ripe_in(unripe, new=bool(found.guilty)),
        )

    def _second_pass(self, *, dry: bool, progress: Progress) -> _SecondPass:
        now = self.store.clock()
        ripe = [one for one in read_lists(self.store) if self.times.ripe(one.written, now)]
        with right_to_delete(self.store, self.times, ripe, self.now, self.monotonic, dry=dry) as right:
            # Another prune may have ended with some of them since, so that no backup need know them.
            ripe = [one for one in ripe if self.store.written(one.key) is not None]
            needed = self.read_needed()
            doomed = doomed_by(ripe, needed)
            deleted, hidden = delete_doomed(self.store, doomed, right, progress)
            keys = frozenset(one.key for one in ripe)
            if not dry:
                self._clear(keys)
        return _SecondPass(needed, keys, frozenset(doomed) if dry else frozenset(), deleted, hidden)

    def _clear(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.store.delete(key)

    def _dead_records(self) -> list[str]:
        now = self.store.clock()
        return [one.key for one in read_records(self.store) if not self.times.deleting(one.written, now)]

    def _ripe_in(self, unripe: Sequence[Listed], *, new: bool) -> float | None:
        now = self.store.clock()
        waits = [one.written + self.times.grace - now for one in unripe]
        return min([*waits, *([self.times.grace] if new else [])], default=None)
