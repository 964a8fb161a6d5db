"""What a repository has lost: objects that are missing or are not what their names say, and stray files."""

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass

from pipelines.ops.repository.named import parse_name
from pipelines.ops.repository.objects import (
    ID,
    ObjectDamagedError,
    identity_of,
    object_key,
    plausible,
    read_both,
    read_object,
    terse,
    verbose,
)
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import ArchivedError, ObjectStore, Stored

_KEY_FILE = re.compile(r"[0-9a-f]{64}(\.leaving-[0-9a-f]{32})?")


@dataclass(frozen=True, slots=True)
class Loss:
    """An object that cannot be used, and why; `written` is when what lies there instead was put.

    `needed` by a point; `archived`: it is whole where the store has moved it; `anchored`: only an object that
    it needs to be read is lost.
    """

    identity: str
    why: str
    needed: bool
    written: float | None
    archived: bool = False
    anchored: bool = False

    @property
    def removable(self) -> bool:
        """Tell whether something lies there that stands in the way of the right bytes."""
        return self.written is not None and not self.archived and not self.anchored


@dataclass(frozen=True, slots=True)
class Looked:
    """How many objects were looked at, and those that are lost."""

    objects: int
    losses: tuple[Loss, ...]


def look_at_objects(
    store: ObjectStore, needed: AbstractSet[bytes], *, quick: bool, progress: Callable[[int], None]
) -> Looked:
    """Read every object, needed or not, for a later backup would use it; with `quick` look at sizes only.

    What seems lost is read a second time. `needed` are ids in bytes; `progress` is given bytes, or with
    `quick` counts of objects.
    """

    def good(stored: Stored) -> tuple[Stored, str, bool]:
        identity = identity_of(stored.key) or ""
        seen = not identity or (plausible(stored.size) if quick else _whole(store, identity))
        return stored, identity, seen

    missing, suspects, count = set(needed), [], 0
    with closing(in_order(good, store.list("objects/"), store.lanes)) as looked:
        for stored, identity, seen in looked:
            progress(1 if quick else stored.size)
            if not identity:
                continue
            count += 1
            missing.discard(terse(identity))
            if not seen:
                suspects.append(identity)
    seemed = [*suspects, *sorted(map(verbose, missing))]
    losses = [loss_of(store, one, needed=terse(one) in needed) for one in seemed]
    return Looked(count, tuple(one for one in losses if one and (one.needed or one.removable)))


def loss_of(store: ObjectStore, identity: str, *, needed: bool) -> Loss | None:
    """Read an object, and return its loss; None when it is whole."""
    # Before it is read: what is put meanwhile is another.
    written = store.written(object_key(identity))
    try:
        read_object(store, identity)
    except ObjectDamagedError as error:
        archived = isinstance(error.__cause__, ArchivedError)
        return Loss(identity, error.why, needed, written, archived, error.anchored)
    return None


def obtainable(other: ObjectStore, loss: Loss) -> bool:
    """Tell whether another store has the object, whole."""
    return _whole(other, loss.identity)


def take(store: ObjectStore, other: ObjectStore, loss: Loss) -> bool:
    """Put the object as another store has it, verified; False when that has lost it too."""
    try:
        packed, _ = read_both(other, loss.identity)
    except ObjectDamagedError:
        return False
    store.put(object_key(loss.identity), packed, replace=True)
    return True


def remove(store: ObjectStore, loss: Loss) -> bool:
    """Delete what lies there instead of the object, unless somebody has put it again since it was read."""
    key = object_key(loss.identity)
    if not loss.removable or store.written(key) != loss.written:
        return False
    store.delete(key)
    return True


def strays(store: ObjectStore) -> Iterator[str]:
    """Yield the keys in the folders of the format that are no name of it, but those among the manifests."""
    for folder in ("condemned", "keys", "objects", "proofs", "prunes"):
        for stored in store.list(f"{folder}/"):
            if not _ours(stored.key):
                yield stored.key


def _ours(key: str) -> bool:
    folder, *between, name = key.split("/")
    match folder:
        case "objects":
            return identity_of(key) is not None
        case "keys":
            return not between and _KEY_FILE.fullmatch(name) is not None
        case "proofs":
            right = len(between) == 1 and ID.fullmatch(between[0]) is not None
            return right and parse_name(name) is not None
    return not between and parse_name(name) is not None


def _whole(store: ObjectStore, identity: str) -> bool:
    try:
        read_object(store, identity)
    except ObjectDamagedError:
        return False
    return True
