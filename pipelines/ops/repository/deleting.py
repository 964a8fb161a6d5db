"""The second pass of a prune: delete what ripe lists condemn, no point needs, and nobody has put again."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import uuid4

from pipelines.ops.repository.condemned import Listed, put_record
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.objects import identity_of
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import ObjectStore, Stored
from pipelines.ops.repository.times import Times


def awake() -> float:
    """Return seconds that go on while this machine sleeps, unlike the usual monotonic clock of Linux."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


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

    def delete(self, key: str, until: float) -> bool | None:
        """Delete, and return whether the space is free; None when it was too late to begin."""
        return self.store.delete(key) if self.monotonic() < until else None


class Pretended(Right):
    """For a dry run: nothing is recorded and nothing deleted."""

    def look(self) -> float:
        """Allow everything."""
        return math.inf

    def delete(self, key: str, until: float) -> bool | None:
        """Delete nothing."""
        del key, until
        return True


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
) -> Generator[tuple[Stored, bool]]:
    """Delete; yield each object that was there, and whether its space is free. Raises OverError."""
    for _, group in groupby(sorted(doomed), key=lambda identity: identity[:2]):
        members = {identity: doomed[identity] for identity in group}
        left = True
        while left:
            left = False
            with closing(_delete_some(members, right)) as some:
                for stored, free in some:
                    left = left or free is None
                    if free is not None:
                        yield stored, free
        progress(len(members))


def _delete_some(members: dict[str, float], right: Right) -> Generator[tuple[Stored, bool | None]]:
    """Yield each object of one folder with whether it left no version; None when the time was over before."""
    until = right.look()
    prefix = next(iter(members))[:2]
    found = [
        stored
        for stored in right.store.list(f"objects/{prefix}/")
        if (listed := members.get(identity_of(stored.key) or "")) is not None
        and right.times.condemned(stored.written, listed)
    ]

    with closing(in_order(lambda stored: right.delete(stored.key, until), found)) as answers:
        yield from zip(found, answers, strict=True)
