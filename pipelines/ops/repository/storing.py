"""Store files: read, cut, hash, compress and write at the same time, in bounded memory."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from pipelines.ops.errors import OpsError, UsageError
from pipelines.ops.model import FileEntry
from pipelines.ops.repository.aligning import NOTHING, Aligner, Match
from pipelines.ops.repository.caching import Cache
from pipelines.ops.repository.chunking import Chunker
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.differences import Packed, pack_beside
from pipelines.ops.repository.objects import (
    ObjectDamagedError,
    anchors_of,
    identify,
    object_key,
    pack,
    plausible,
)
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.paths import clash, path_problem
from pipelines.ops.repository.present import sizes_in
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.sums import Sums

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
    anchors: set[str] = field(default_factory=set)

    def take(self, stored: "_Stored") -> None:
        self.objects.append(stored.name)
        self.anchors.update(stored.anchors)

    def entry(self) -> FileEntry:
        return FileEntry(
            path=self.path,
            size=self.size,
            sha256=self.sums.hexdigest(),
            objects=tuple(self.objects),
            anchors=tuple(sorted(self.anchors)),
        )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk of a file, and what is known of it from the file's predecessor."""

    draft: _Draft
    chunk: bytes
    identity: str
    match: Match


@dataclass(frozen=True, slots=True)
class _Stored:
    """The object that a chunk is in, and those that it needs."""

    name: str
    anchors: tuple[str, ...] = ()


def store_files(
    store: ObjectStore,
    chunker: Chunker,
    files: Iterable[tuple[str, Source]],
    progress: Callable[[int], None] | None = None,
    *,
    before: Mapping[str, FileEntry] | None = None,
    cache: Cache | None = None,
) -> StoredFiles:
    """Store each file until its end; see `Repository.store_files`."""
    drafts: list[_Draft] = []
    writer = _Writer(store, cache)
    total = Figures()

    def aligner(path: str) -> AbstractContextManager[Aligner | None]:
        old = before.get(path) if before else None
        return Aligner(store, old, cache) if old and (store.near or cache) else nullcontext()

    pieces = _pieces(id_key(store), chunker, files, drafts, aligner)
    with closing(pieces), closing(in_order(writer.write, pieces, store.lanes)) as written:
        for draft, stored, figures in written:
            draft.take(stored)
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
    key: bytes | None,
    chunker: Chunker,
    files: Iterable[tuple[str, Source]],
    drafts: list[_Draft],
    aligner: Callable[[str], AbstractContextManager[Aligner | None]],
) -> Generator[_Piece]:
    with closing(Sums()) as sums:
        for path, source in files:
            problem = path_problem(path)
            if problem:
                raise UsageError(f"The path {path!r} {problem}.", "Rename that file.")
            draft = _Draft(path)
            drafts.append(draft)
            with aligner(path) as along:
                for chunk in _read(chunker, path, source):
                    draft.size += len(chunk)
                    sums.take(draft.sums, chunk)
                    identity = identify(chunk, key)
                    yield _Piece(draft, chunk, identity, along.place(chunk, identity) if along else NOTHING)
        sums.wait()


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

    def __init__(self, store: ObjectStore, cache: Cache | None) -> None:
        self._store = store
        self._size = sizes_in(store)
        self._cache = cache
        self._begun: dict[str, Future[_Stored]] = {}
        self._lock = Lock()

    def write(self, piece: _Piece) -> tuple[_Draft, _Stored, Figures]:
        with self._lock:
            begun = self._begun.get(piece.identity)
            if begun is None:
                mine = self._begun[piece.identity] = Future()
        if begun is not None:
            # Whoever has begun it works already, so that nobody waits for what waits for him.
            return piece.draft, begun.result(), Figures(len(piece.chunk), objects_reused=1)
        try:
            stored, figures = self._write(piece)
        except BaseException as error:
            mine.set_exception(error)
            raise
        mine.set_result(stored)
        return piece.draft, stored, figures

    def _write(self, piece: _Piece) -> tuple[_Stored, Figures]:
        size = len(piece.chunk)
        there = self._there(piece)
        if there is not None:
            if self._cache and not there.anchors:
                self._cache.keep_whole(there.name, piece.chunk)
            return there, Figures(size, objects_reused=1)
        packed = pack_beside(piece.chunk, piece.identity, piece.match.anchors) or Packed(
            piece.identity, pack(piece.chunk)
        )
        # Replaced, because what is there is implausible, or another backup's equal bytes.
        self._store.put(object_key(packed.name), packed.data, replace=True)
        if self._cache:
            self._cache.keep(packed.name, packed.data)
        return _Stored(packed.name, packed.anchors), Figures(size, len(packed.data), 1, 0)

    def _there(self, piece: _Piece) -> _Stored | None:
        """Return the object that the store has for a chunk, if it has one that can be used."""
        if self._plausible(piece.identity, len(piece.chunk)):
            return _Stored(piece.identity)
        name = piece.match.known
        if name is None or name == piece.identity or not self._plausible(name, len(piece.chunk)):
            return None
        try:
            anchors = anchors_of(self._store, name)
        except ObjectDamagedError:
            return None
        return _Stored(name, anchors) if all(map(self._plausible, anchors)) else None

    def _plausible(self, name: str, size: int = MAX_CHUNK) -> bool:
        return plausible(self._size(object_key(name)), size)
