"""Check a restore point without a server: level 1 that all is there, level 2 that every byte is right."""

import hashlib
from collections.abc import Callable, Iterator

from pipelines.ops.model import FileEntry, RestorePoint
from pipelines.ops.repository.objects import ObjectDamagedError, object_key, plausible, read_object
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.points import files_of, objects_of
from pipelines.ops.repository.store import ObjectStore

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
    store: ObjectStore, point: RestorePoint, progress: Callable[[int], None] | None = None
) -> list[str]:
    """Return a sentence for each object and each file whose bytes are not what they were (level 2)."""
    files = list(files_of(point))
    pieces = (identity for _, entry in files for identity in entry.objects)
    chunks = in_order(lambda identity: _read(store, identity), pieces, store.lanes)
    damaged: dict[str, str] = {}
    wrong = [name for name, entry in files if not _file_is_right(entry, chunks, damaged, progress)]
    used = objects_of(point)
    return [_sentence(identity, why, used[identity]) for identity, why in damaged.items()] + [
        f"{name} does not have its size or SHA-256, though each of its objects is right." for name in wrong
    ]


def _read(store: ObjectStore, identity: str) -> bytes | ObjectDamagedError:
    try:
        return read_object(store, identity)
    except ObjectDamagedError as error:
        return error


def _file_is_right(
    entry: FileEntry,
    chunks: Iterator[bytes | ObjectDamagedError],
    damaged: dict[str, str],
    progress: Callable[[int], None] | None,
) -> bool:
    """Tell whether the file has its sums, or has a damaged object that is already noted."""
    sums, size, whole = hashlib.sha256(), 0, True
    for _ in entry.objects:
        chunk = next(chunks)
        if isinstance(chunk, ObjectDamagedError):
            damaged[chunk.identity] = chunk.why
            whole = False
            continue
        sums.update(chunk)
        size += len(chunk)
        if progress:
            progress(len(chunk))
    return not whole or (size == entry.size and sums.hexdigest() == entry.sha256)


def _sentence(identity: str, why: str, names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"Object {identity} {why}; it is part of {', '.join(names[:MAX_NAMED])}{more}."
