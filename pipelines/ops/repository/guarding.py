"""A backup's side of pruning: what it uses is pardoned, and looked at again, before its manifest appears.

A prune deletes an object in two passes (`pruning.py`); the rules are in `times.py`. At its end a backup

1. takes the store's time, and reads every list of condemned objects,
2. puts those of its own objects again that a list condemns: what was put after a list is not deleted by it,
3. waits for each prune that may be deleting now, for one of those may have looked before that,
4. looks whether every object is there, publishes, and takes a manifest back that came too late.

So no backup is too slow: only the time from 1 to 4 counts, and an object that was deleted before is missed.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipelines.ops.errors import OpsError
from pipelines.ops.repository.condemned import Recorded, read_lists, read_records
from pipelines.ops.repository.objects import MAX_OBJECT, object_key
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import AbsentError, ObjectStore
from pipelines.ops.repository.times import Times

POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The rules' times, and how to wait some seconds."""

    times: Times
    wait: Callable[[float], None]


PACE = Pace(Times(), time.sleep)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Objects that no prune deletes while a manifest appears, if it appears soon after `began`."""

    store: ObjectStore
    pace: Pace
    began: float

    def check_time(self) -> None:
        """Raise OpsError when it is too late to publish."""
        if not self.pace.times.may_publish(self.began, self.store.clock()):
            raise _late()

    def check_published(self, key: str, *, new: bool) -> None:
        """Raise OpsError when a manifest appeared too late; it is taken back unless it was there before."""
        if not self.pace.times.published_in_time(self.began, self.store.clock()):
            if new:
                self.store.delete(key)
            raise _late()


def guarded(store: ObjectStore, identities: Iterable[str], pace: Pace) -> Guarded:
    """Pardon these objects, and return when no prune can delete them any more."""
    used = frozenset(identities)
    began = store.clock()
    lists: dict[str, frozenset[str]] = {}
    for listed in read_lists(store):
        if not listed.readable:
            continue  # as if it were not seen: a prune that reads it better is waited for
        lists[listed.key] = listed.objects & used
        _pardon(store, lists[listed.key], listed.written, pace.times)
    _outlast(store, lists, pace)
    return Guarded(store, pace, began)


def outlast_prunes(store: ObjectStore, pace: Pace, note: Callable[[str], None]) -> None:
    """Return when no prune that has begun can be deleting: one that died is waited for, for two turns.

    For who must not wait at the end of a backup; `note` is told once why this takes time.
    """
    waiting = [record for record in read_records(store) if _alive(store, record, pace.times)]
    if waiting:
        note(
            f"A prune of {store.place} is deleting, or died while it did: waiting until it has ended, for"
            f" {2 * pace.times.turn / 60:.0f} minutes at most."
        )
    _wait_for(store, waiting, pace)


def _wait_for(store: ObjectStore, records: Iterable[Recorded], pace: Pace) -> None:
    """Return when each of them has gone, or is too old to be one of a prune that deletes."""
    waiting = list(records)
    while waiting := [record for record in waiting if _alive(store, record, pace.times)]:
        pace.wait(POLL_S)


def _alive(store: ObjectStore, record: Recorded, times: Times) -> bool:
    return times.deleting(record.written, store.clock()) and store.written(record.key) is not None


def _pardon(store: ObjectStore, identities: Iterable[str], listed: float, times: Times) -> None:
    def put_again(identity: str) -> None:
        key = object_key(identity)
        written = store.written(key)
        if written is None or not times.condemned(written, listed):
            return  # what is missing is seen at the end
        try:
            data = store.get(key, limit=MAX_OBJECT)
        except AbsentError:
            return
        store.put(key, data, replace=True)

    for _ in in_order(put_again, identities, store.lanes):
        pass


def _outlast(store: ObjectStore, lists: Mapping[str, frozenset[str]], pace: Pace) -> None:
    """Wait until every prune that may delete one of the objects has ended, or is too old to go on."""
    _wait_for(store, [record for record in read_records(store) if _concerns(record, lists)], pace)


def _concerns(record: Recorded, lists: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether a prune may delete something that is used; a list that was not seen may name anything."""
    return record.lists is None or any(lists.get(key, True) for key in record.lists)


def _late() -> OpsError:
    return OpsError(
        "Publishing this restore point took so long that a prune may have deleted what it needs.",
        "Run the backup again; nothing of it is to be seen.",
    )
