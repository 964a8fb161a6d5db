"""The second pass of a prune: delete what ripe lists condemn, no point needs, and nobody has put again."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import uuid4

from pipelines.ops.repository.condemned import Listed, put_record
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.objects import identity_of
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import ObjectStore, Stored
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times


@dataclass(slots=True)
class Right:
    """The right to delete what some lists condemn: a record in the store, renewed before it is too old."""

    store: ObjectStore
    times: Times
    lists: Sequence[str]
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    _run: str = field(default_factory=lambda: uuid4().hex)
    _key: str | None = None
    _written: float = 0.0

    def look(self) -> float:
        """Return until when, by this machine's monotonic clock, what is looked at from now may be deleted."""
        asked = self.monotonic()
        if self._key is None or not self.times.may_delete(self._written, self.store.clock()):
            self._renew()
        return asked + self.times.turn / 2

    def delete(self, key: str, until: float) -> bool | None:
        """Delete, and return whether the space is free; None when it was too late to begin."""
        return self.store.delete(key) if self.monotonic() < until else None

    def end(self) -> None:
        """Take the record away."""
        if self._key is not None:
            self.store.delete(self._key)
            self._key = None

    def _renew(self) -> None:
        before = self._key
        self._key = put_record(self.store, self._run, self.now(), self.lists)
        self._written = self.store.written(self._key) or 0.0
        if before not in {None, self._key}:
            self.store.delete(str(before))


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
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    *,
    dry: bool,
) -> Iterator[Right]:
    """Record, when there are any, that these lists are carried out, until the block ends."""
    kind = Pretended if dry or not lists else Right
    right = kind(store, times, [one.key for one in lists], now, monotonic)
    try:
        right.look()
        yield right
    finally:
        right.end()


def doomed_by(lists: Sequence[Listed], needed: Needed) -> dict[str, float]:
    """Return what these lists condemn and no point needs, with the time of the last list that names it."""
    doomed: dict[str, float] = {}
    for one in lists:
        for identity in one.objects:
            if identity not in needed:
                doomed[identity] = max(one.written, doomed.get(identity, one.written))
    return doomed


def delete_doomed(
    store: ObjectStore, doomed: dict[str, float], right: Right, progress: Callable[[int], None]
) -> tuple[Tally, bool]:
    """Delete; return what was deleted, and whether the store keeps it as older versions."""
    deleted, hidden = Tally(), False
    for _, group in groupby(sorted(doomed), key=lambda identity: identity[:2]):
        members = {identity: doomed[identity] for identity in group}
        left = True
        while left:
            left = False
            # Closed before the record goes, whatever ends this: by then nothing is being deleted any more.
            with closing(_delete_some(store, members, right)) as some:
                for stored, free in some:
                    left = left or free is None
                    if free is not None:
                        deleted, hidden = deleted.and_one(stored), hidden or not free
        progress(len(members))
    return deleted, hidden


def _delete_some(
    store: ObjectStore, members: dict[str, float], right: Right
) -> Generator[tuple[Stored, bool | None]]:
    """Yield each object of one folder with whether it left no version; None when the time was over before."""
    until = right.look()
    prefix = next(iter(members))[:2]
    found = [
        stored
        for stored in store.list(f"objects/{prefix}/")
        if (listed := members.get(identity_of(stored.key) or "")) is not None
        and right.times.condemned(stored.written, listed)
    ]

    with closing(in_order(lambda stored: right.delete(stored.key, until), found)) as answers:
        yield from zip(found, answers, strict=True)
