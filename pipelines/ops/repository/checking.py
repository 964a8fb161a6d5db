"""Check a restore point without a server: level 1 that all is there, level 2 that every byte is right."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from blake3 import blake3

from pipelines.ops.model import FileEntry, RestorePoint
from pipelines.ops.repository.objects import ObjectDamagedError, object_key, plausible, read_object
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.points import files_of, objects_of
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.sums import Sums

MAX_NAMED = 5


def check_present(store: ObjectStore, point: RestorePoint) -> list[str]:
    """Return a sentence for each object that is missing or cannot have its size (level 1)."""
    used = objects_of(point)
    sizes = in_order(lambda identity: store.size(object_key(identity)), used, store.glances)
    return [
        _sentence(identity, "is missing" if size is None else f"cannot have {size} bytes", names)
        for (identity, names), size in zip(used.items(), sizes, strict=True)
        if not plausible(size)
    ]


def has_all_of(store: ObjectStore, entry: FileEntry) -> bool:
    """Tell whether every object of a file is there and can have its size."""
    keys = [object_key(identity) for identity in (*entry.objects, *entry.anchors)]
    return all(map(plausible, in_order(store.size, keys, store.glances)))


def check_bytes(
    store: ObjectStore,
    point: RestorePoint,
    progress: Callable[[int], None] | None = None,
    right: set[bytes] | None = None,
) -> list[str]:
    """Return a sentence for each object and each file whose bytes are not what they were (level 2).

    Files that are in `right` are not read again, and those that are found right are added: one set for all
    points that are checked in one go.
    """
    right = set() if right is None else right
    files = [(name, entry) for name, entry in files_of(point) if _mark(entry) not in right]
    if progress:
        progress(sum(entry.size for _, entry in files_of(point)) - sum(entry.size for _, entry in files))
    pieces = (identity for _, entry in files for identity in entry.objects)
    chunks = in_order(lambda identity: _read(store, identity), pieces, store.lanes)
    damaged: dict[str, str] = {}
    wrong = []
    with closing(Sums()) as sums:
        for name, entry in files:
            is_right = _is_right(_Reading(entry, sums, damaged), chunks, progress)
            if is_right:
                right.add(_mark(entry))
            elif is_right is False:
                wrong.append(name)
    used = objects_of(point)
    return [_sentence(identity, why, used[identity]) for identity, why in damaged.items()] + [
        f"{name} does not have its size or SHA-256, though each of its objects is right." for name in wrong
    ]


def _mark(entry: FileEntry) -> bytes:
    """Return what files have in common that are the same bytes in the same objects, in 32 bytes."""
    return blake3("\n".join((entry.sha256, str(entry.size), *entry.objects)).encode()).digest()


def _read(store: ObjectStore, identity: str) -> bytes | ObjectDamagedError:
    try:
        return read_object(store, identity)
    except ObjectDamagedError as error:
        return error


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that is read: where its sum is taken, and where its damaged objects are noted."""

    entry: FileEntry
    sums: Sums
    damaged: dict[str, str]


def _is_right(
    reading: _Reading,
    chunks: Iterator[bytes | ObjectDamagedError],
    progress: Callable[[int], None] | None,
) -> bool | None:
    """Tell whether a file has its size and its sum; None when objects of it are damaged."""
    entry, found, size, whole = reading.entry, hashlib.sha256(), 0, True
    for _ in entry.objects:
        chunk = next(chunks)
        if isinstance(chunk, ObjectDamagedError):
            reading.damaged[chunk.identity] = chunk.why
            whole = False
            continue
        reading.sums.take(found, chunk)
        size += len(chunk)
        if progress:
            progress(len(chunk))
    reading.sums.wait()
    return size == entry.size and found.hexdigest() == entry.sha256 if whole else None


def _sentence(identity: str, why: str, names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"Object {identity} {why}; it is part of {', '.join(names[:MAX_NAMED])}{more}."
