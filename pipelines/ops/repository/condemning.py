"""The first pass of a prune: write down what no restore point needs and no list condemns yet."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pipelines.ops.repository.condemned import MAX_LISTED, Listed, put_list
from pipelines.ops.repository.needed import Needed
from pipelines.ops.repository.objects import identity_of
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times


@dataclass(slots=True)
class Sorted:
    """All objects, by what becomes of them; `guilty` are the ids that are condemned newly."""

    needed: Tally
    waiting: Tally
    fresh: Tally
    condemned: Tally
    guilty: list[str]


def sort_objects(
    store: ObjectStore,
    needed: Needed,
    lists: Sequence[Listed],
    *,
    gone: AbstractSet[str],
    times: Times,
    progress: Callable[[int], None],
) -> Sorted:
    """Look at every object but those that are as good as `gone`; `lists` are those that are not ripe."""
    found = Sorted(Tally(), Tally(), Tally(), Tally(), [])
    now = store.clock()
    for stored in store.list("objects/"):
        progress(1)
        identity = identity_of(stored.key)
        if identity is None or identity in gone:
            continue
        if identity in needed:
            found.needed = found.needed.and_one(stored)
        elif any(identity in one.objects and times.condemned(stored.written, one.written) for one in lists):
            found.waiting = found.waiting.and_one(stored)
        elif times.fresh(stored.written, now):
            found.fresh = found.fresh.and_one(stored)
        else:
            found.condemned = found.condemned.and_one(stored)
            found.guilty.append(identity)
    return found


def condemn(store: ObjectStore, guilty: Iterable[str], made: datetime, most: int = MAX_LISTED) -> None:
    """Write the lists of what is condemned, at most so many objects in each."""
    left = iter(guilty)
    while some := list(islice(left, most)):
        put_list(store, made, some)
