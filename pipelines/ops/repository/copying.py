"""Take a point from one repository into another: as it is stored where both name it alike, else anew."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from pipelines.ops.errors import DamagedError
from pipelines.ops.model import FaissSource, FileEntry, RedisSource, RestorePoint, format_of
from pipelines.ops.repository.documents import digest, to_bytes
from pipelines.ops.repository.objects import identity_of, object_key, plausible, read_both, read_object, terse
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.points import PointRef, files_of, objects_of
from pipelines.ops.repository.repository import Repository
from pipelines.ops.repository.sealed import cuts, id_key
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.storing import Figures

Progress = Callable[[int], None]
_TRIES = 3
"""A prune of the target may delete what was found there until the point is published."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The point as the target has it, and what that took."""

    ref: PointRef
    figures: Figures


class Present:
    """The objects that a store had when it was listed, or got since: 110 bytes of memory for each."""

    def __init__(self, store: ObjectStore) -> None:
        found = ((identity_of(one.key), one.size) for one in store.list("objects/"))
        self._known = {terse(name) for name, size in found if name and plausible(size)}

    def __contains__(self, identity: str) -> bool:
        return terse(identity) in self._known

    def add(self, identity: str) -> None:
        """Note one that is there now."""
        self._known.add(terse(identity))


def alike(one: Repository, other: Repository) -> bool:
    """Tell whether equal files have equal objects in both, so that a manifest of one is one of the other."""
    return id_key(one.store) == id_key(other.store) and (
        cuts(one.store, one.config.chunker) == cuts(other.store, other.config.chunker)
    )


def essence(point: RestorePoint) -> str:
    """Return a hash of all that a point says but for its objects: every copy of it has the same."""
    return digest(to_bytes(_with_files(point, lambda files: [_bare(entry) for entry in files])))


def copy_point(
    source: Repository, target: Repository, point: RestorePoint, present: Present, progress: Progress
) -> Copied:
    """Copy a point; only the target is written to, and twice is as once.

    Every object that is copied is read and compared with its name, and where it is stored anew every file
    with its size and SHA-256: DamagedError, and nothing is to be seen. `present` is of the target; `progress`
    is given the bytes that were read.
    """
    total = Figures()
    for number in range(_TRIES):
        if alike(source, target):
            made, figures = point, _objects(source, target, point, None if number else present, progress)
        else:
            made, figures = _files(source, target, point, progress)
        total += figures
        try:
            ref = target.publish(made)
        except DamagedError:
            if number + 1 == _TRIES:
                raise
            continue
        for identity in objects_of(made):
            present.add(identity)
        return Copied(ref, total)
    raise AssertionError  # the last try returns or raises


def _objects(
    source: Repository, target: Repository, point: RestorePoint, present: Present | None, progress: Progress
) -> Figures:
    """Copy the objects that are not there, as they are; without `present` the target is asked for each."""

    def there(identity: str) -> bool:
        return identity in present if present else plausible(target.store.size(object_key(identity)))

    def copy(identity: str) -> Figures:
        if there(identity):
            return Figures(objects_reused=1)
        packed, chunk = read_both(source.store, identity)
        # Replaced, because what is there is implausible, or another's equal bytes.
        target.store.put(object_key(identity), packed, replace=True)
        return Figures(len(chunk), len(packed), 1, 0)

    total = Figures()
    with closing(in_order(copy, objects_of(point), max(source.store.lanes, target.store.lanes))) as copied:
        for figures in copied:
            total += figures
            progress(figures.bytes_read)
    return total


def _files(
    source: Repository, target: Repository, point: RestorePoint, progress: Progress
) -> tuple[RestorePoint, Figures]:
    """Read the files and store them anew; the point that names what they are stored in."""
    total = Figures()

    def stored(files: Sequence[FileEntry]) -> Sequence[FileEntry]:
        nonlocal total
        identities = (identity for entry in files for identity in entry.objects)
        with closing(
            in_order(lambda identity: read_object(source.store, identity), identities, source.store.lanes)
        ) as chunks:
            made = target.store_files(
                ((entry.path, io.BufferedReader(_File(entry, chunks))) for entry in files), progress
            )
        total += made.figures
        for was, entry in zip(files, made.files, strict=True):
            if _bare(was) != _bare(entry):
                raise DamagedError(
                    f"{was.path} in {source.store.place} is not what was saved: its size or SHA-256 differs.",
                    "Copy another point.",
                )
        return made.files

    return _with_files(point, stored), total


class _File(io.RawIOBase):
    """A stored file as a stream; `chunks` goes on with the next file where this one ends."""

    def __init__(self, entry: FileEntry, chunks: Iterator[bytes]) -> None:
        self._left = len(entry.objects)
        self._chunks = chunks
        self._chunk = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # any writable buffer
        """Fill a buffer as far as the present chunk goes."""
        if not self._chunk and self._left:
            self._left -= 1
            self._chunk = memoryview(next(self._chunks))
        count = min(len(buffer), len(self._chunk))
        buffer[:count] = self._chunk[:count]
        self._chunk = self._chunk[count:]
        return count


def _bare(entry: FileEntry) -> FileEntry:
    return entry.model_copy(update={"objects": (), "anchors": ()})


def _with_files(
    point: RestorePoint, change: Callable[[Sequence[FileEntry]], Iterable[FileEntry]]
) -> RestorePoint:
    sources: dict[str, RedisSource | FaissSource] = {}
    if point.redis is not None:
        sources["redis"] = point.redis.model_copy(update={"files": tuple(change(point.redis.files))})
    if point.faiss is not None:
        sources["faiss"] = point.faiss.model_copy(update={"files": tuple(change(point.faiss.files))})
    made = point.model_copy(update=sources)
    return made.model_copy(update={"format": format_of(entry for _, entry in files_of(made))})
