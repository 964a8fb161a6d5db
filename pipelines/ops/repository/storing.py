"""Store files: read, cut, hash, compress and write at the same time, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from pipelines.ops.errors import OpsError, UsageError
from pipelines.ops.model import FileEntry
from pipelines.ops.repository.chunking import Chunker
from pipelines.ops.repository.objects import identify, object_key, pack, plausible
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.paths import clash, path_problem
from pipelines.ops.repository.present import sizes_in
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import ObjectStore

Source = Path | BinaryIO


@dataclass(frozen=True, slots=True)
class Figures:
    """What storing took: bytes read, bytes written to the store, and objects written or found there."""

    bytes_read: int = 0
    bytes_new: int = 0
    objects_new: int = 0
    objects_reused: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.bytes_read + other.bytes_read,
            self.bytes_new + other.bytes_new,
            self.objects_new + other.objects_new,
            self.objects_reused + other.objects_reused,
        )


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The entries of stored files, as a manifest takes them, and what storing them took."""

    files: tuple[FileEntry, ...]
    figures: Figures


@dataclass(slots=True)
class _Draft:
    """A file while it is read."""

    path: str
    size: int = 0
    sums: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    objects: list[str] = field(default_factory=list)

    def entry(self) -> FileEntry:
        return FileEntry(
            path=self.path, size=self.size, sha256=self.sums.hexdigest(), objects=tuple(self.objects)
        )


def store_files(
    store: ObjectStore,
    chunker: Chunker,
    files: Iterable[tuple[str, Source]],
    progress: Callable[[int], None] | None = None,
) -> StoredFiles:
    """Store each file until its end; see `Repository.store_files`."""
    drafts: list[_Draft] = []
    writer = _Writer(store)
    total = Figures()
    with closing(in_order(writer.write, _pieces(chunker, files, drafts), store.lanes)) as written:
        for draft, identity, figures in written:
            draft.objects.append(identity)
            total += figures
            if progress:
                progress(figures.bytes_read)
    taken = clash(draft.path for draft in drafts)
    if taken is not None:
        raise UsageError(
            f"Two files are called {taken!r}, or one is the other's folder.", "Give each its own path."
        )
    return StoredFiles(tuple(draft.entry() for draft in drafts), total)


def _pieces(
    chunker: Chunker, files: Iterable[tuple[str, Source]], drafts: list[_Draft]
) -> Iterator[tuple[_Draft, bytes]]:
    for path, source in files:
        problem = path_problem(path)
        if problem:
            raise UsageError(f"The path {path!r} {problem}.", "Rename that file.")
        draft = _Draft(path)
        drafts.append(draft)
        for chunk in _read(chunker, path, source):
            draft.size += len(chunk)
            draft.sums.update(chunk)
            yield draft, chunk


def _read(chunker: Chunker, path: str, source: Source) -> Iterator[bytes]:
    try:
        with source.open("rb", buffering=0) if isinstance(source, Path) else nullcontext(source) as stream:
            yield from chunker.cut(stream)
    except OSError as error:
        raise OpsError(
            f"Cannot read {path}: {error.strerror or error}.", "Look at that file and at who may read it."
        ) from error


class _Writer:
    """Writes each chunk that the store does not have, once per run."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._size = sizes_in(store)
        self._begun: set[str] = set()
        self._lock = Lock()

    def write(self, piece: tuple[_Draft, bytes]) -> tuple[_Draft, str, Figures]:
        draft, chunk = piece
        identity = identify(chunk, id_key(self._store))
        with self._lock:
            known = identity in self._begun
            self._begun.add(identity)
        key = object_key(identity)
        if known or plausible(self._size(key), len(chunk)):
            return draft, identity, Figures(bytes_read=len(chunk), objects_reused=1)
        packed = pack(chunk)
        # Replaced, because what is there is implausible, or another backup's equal bytes.
        self._store.put(key, packed, replace=True)
        return draft, identity, Figures(len(chunk), len(packed), 1, 0)
