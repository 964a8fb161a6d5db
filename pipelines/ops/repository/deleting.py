"""The second pass of a prune: delete what ripe lists condemn, no point needs, and nobody has put again."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby
from uuid import uuid4

from pipelines.ops.repository.condemned import Listed, put_record
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.objects import identity_of
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import LockedError, ObjectStore, Stored
from pipelines.ops.repository.times import Times


def awake() -> float:
    """Return seconds that go on while this machine sleeps, unlike the usual monotonic clock of Linux."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Outcome(Enum):
    """What became of an object that was to be deleted."""

    FREE = "its space is free"
    HIDDEN = "the store keeps it as an older version"
    LOCKED = "the store keeps it from being deleted"
    KEPT = "it was put again, or has gone"
    LATE = "it was too late to begin"


class OverError(Exception):
    """The time of a record is over: whoever deletes must begin anew, with another record."""


@dataclass(frozen=True, slots=True)
class Right:
    """The right to delete what some lists condemn: a record in the store, as long as it is young."""

    store: ObjectStore
    times: Times
    monotonic: Callable[[], float]
    written: float

    def look(self) -> float:
        """Return until when, by this machine's monotonic clock, what is looked at from now may be deleted."""
        asked = self.monotonic()
        if not self.times.may_delete(self.written, self.store.clock()):
            raise OverError
        return asked + self.times.turn / 2

    def delete(self, key: str, listed: float, until: float) -> "Outcome":
        """Delete what a list of that time condemns, when it is not too late to begin."""
        if not self.store.near and self._put_again(key, listed):
            return Outcome.KEPT
        if self.monotonic() >= until:
            return Outcome.LATE
        try:
            return Outcome.FREE if self.store.delete(key) else Outcome.HIDDEN
        except LockedError:
            return Outcome.LOCKED

    def _put_again(self, key: str, listed: float) -> bool:
        """Ask for the object itself: a distant store may have told from a listing of before."""
        written = self.store.written(key)
        return written is None or not self.times.condemned(written, listed)


class Pretended(Right):
    """For a dry run: nothing is recorded and nothing deleted."""

    def look(self) -> float:
        """Allow everything."""
        return math.inf

    def delete(self, key: str, listed: float, until: float) -> "Outcome":
        """Delete nothing."""
        del key, listed, until
        return Outcome.FREE


@contextmanager
def right_to_delete(
    store: ObjectStore,
    times: Times,
    lists: Sequence[Listed],
    now: datetime,
    monotonic: Callable[[], float],
) -> Iterator[Right]:
    """Record that these lists are carried out, until the block ends."""
    key = put_record(store, uuid4().hex, now, [one.key for one in lists])
    try:
        yield Right(store, times, monotonic, store.written(key) or 0.0)
    finally:
        store.delete(key)


def doomed_by(lists: Sequence[Listed], needed: Needed) -> dict[str, float]:
    """Return what these lists condemn and no point needs, with the time of the last list that names it."""
    doomed: dict[str, float] = {}
    for one in lists:
        for identity in one.objects:
            if identity not in needed:
                doomed[identity] = max(one.written, doomed.get(identity, one.written))
    return doomed


def delete_doomed(
    doomed: dict[str, float], right: Right, progress: Callable[[int], None]
) -> Generator[tuple[Stored, Outcome]]:
    """Delete; yield each object that was there, and what became of it. Raises OverError."""
    for _, group in groupby(sorted(doomed), key=lambda identity: identity[:2]):
        members = {identity: doomed[identity] for identity in group}
        left = True
        while left:
            left = False
            with closing(_delete_some(members, right)) as some:
                for stored, outcome in some:
                    left = left or outcome is Outcome.LATE
                    if outcome not in (Outcome.LATE, Outcome.KEPT):
                        yield stored, outcome
        progress(len(members))


def _delete_some(members: dict[str, float], right: Right) -> Generator[tuple[Stored, Outcome]]:
    """Yield each object of one folder with what became of it."""
    until = right.look()
    prefix = next(iter(members))[:2]
    found = [
        (stored, listed)
        for stored in right.store.list(f"objects/{prefix}/")
        if (listed := members.get(identity_of(stored.key) or "")) is not None
        and right.times.condemned(stored.written, listed)
    ]

    deletions = in_order(lambda one: right.delete(one[0].key, one[1], until), found, right.store.glances)
    with closing(deletions) as answers:
        yield from zip((stored for stored, _ in found), answers, strict=True)
