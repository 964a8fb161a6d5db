"""How much a repository holds, and what of it each restore point brought and alone needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.ops.errors import NothingError
from pipelines.ops.repository.condemned import read_lists
from pipelines.ops.repository.needed import Load
from pipelines.ops.repository.objects import identity_of, terse
from pipelines.ops.repository.points import PointRef, objects_of
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times


@dataclass(frozen=True, slots=True)
class PointStats:
    """A point: `new` are stored bytes that no older point needed, `own` those that no other one needs."""

    ref: PointRef
    new: int
    own: int


@dataclass(frozen=True, slots=True)
class Stats:
    """`logical` bytes of all files of all points; stored objects that points need, or several of them share.

    The others are `unneeded`; `condemned` of those may be deleted later. `unreadable` manifests are left out,
    so that what they need counts as unneeded here, and `synapse prune` refuses to run.
    """

    points: tuple[PointStats, ...]
    unreadable: int
    logical: int
    needed: Tally
    shared: Tally
    unneeded: Tally
    condemned: Tally


_SEVERAL = -1


def measure(
    store: ObjectStore, refs: Sequence[PointRef], load: Load, progress: Callable[[int], None]
) -> Stats:
    """Read every manifest and look at every object. Memory: about 300 bytes for each that is needed."""
    readable = sorted((ref for ref in refs if not ref.problem), key=lambda ref: (ref.time, ref.key))
    brought, owner = _owners(readable, load)
    new, own = [0] * len(readable), [0] * len(readable)
    needed = shared = unneeded = condemned = Tally()
    lists = list(read_lists(store))
    for stored in store.list("objects/"):
        progress(1)
        identity = identity_of(stored.key)
        if identity is None:
            continue
        name = terse(identity)
        if name in brought:
            needed = needed.and_one(stored)
            new[brought[name]] += stored.size
            if owner[name] == _SEVERAL:
                shared = shared.and_one(stored)
            else:
                own[owner[name]] += stored.size
            continue
        unneeded = unneeded.and_one(stored)
        if any(identity in one.objects and Times().condemned(stored.written, one.written) for one in lists):
            condemned = condemned.and_one(stored)
    points = tuple(map(PointStats, readable, new, own))
    logical = sum(ref.size for ref in readable)
    return Stats(points[::-1], len(refs) - len(readable), logical, needed, shared, unneeded, condemned)


def _owners(readable: Sequence[PointRef], load: Load) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Return for each object the oldest point that needs it, and the only one (or that there are several)."""
    brought: dict[bytes, int] = {}
    owner: dict[bytes, int] = {}
    for number, ref in enumerate(readable):
        try:
            used = objects_of(load(ref))
        except NothingError:
            continue  # forgotten meanwhile
        for identity in used:
            name = terse(identity)
            owner[name] = _SEVERAL if name in brought else number
            brought.setdefault(name, number)
    return brought, owner
