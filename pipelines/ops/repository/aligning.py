"""Find for each chunk of a file what it resembles in the file's predecessor: its anchors.

A cut depends on the bytes before it. So where the last bytes of a chunk are those of a chunk of the
predecessor, both end at the same place, whatever was changed, added or removed before; from one such place to
the next lies what a chunk is compared with. Where no such place is found, the length of the chunk tells.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pipelines.ops.model import FileEntry
from pipelines.ops.repository.caching import Cache
from pipelines.ops.repository.deltas import MAX_ANCHORS
from pipelines.ops.repository.objects import ObjectDamagedError, anchors_of, has_anchors, read_both
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.store import ObjectStore

TAIL = 64
"""So many bytes before a cut decide that it is one."""
_AHEAD = 4
"""Anchors that are looked at for the end of a chunk."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """An object that stands alone: its id, its plain bytes, and its size in the store.

    `direct` when the predecessor consists of it, and not only of differences from it.
    """

    identity: str
    plain: bytes
    stored: int
    direct: bool


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of a chunk: the object that the predecessor has for it, or what it may resemble."""

    known: str | None = None
    anchors: tuple[Anchor, ...] = ()


NOTHING = Match()


@dataclass(frozen=True, slots=True)
class _Step:
    """An anchor in the order of the predecessor's file."""

    identity: str
    direct: bool


class Aligner:
    """Follows one file along its predecessor, chunk after chunk, reading only what it needs of that."""

    def __init__(self, store: ObjectStore, before: FileEntry, cache: Cache | None = None) -> None:
        near = cache.near if cache else store
        self._reader = _Reader(near, cache)
        self._known: dict[str, tuple[str, int]] = {}
        self._steps: list[_Step] = []
        self._at = 0
        self._inside = 0
        for name, anchors in zip(before.objects, _all_anchors((near, store), before.objects), strict=True):
            if anchors is None:
                continue  # a lost object says nothing
            just = {step.identity for step in self._steps[-MAX_ANCHORS:]}
            direct = not has_anchors(name)
            self._steps += [_Step(identity, direct) for identity in anchors if identity not in just]
            self._known.setdefault(name.partition("-")[0], (name, len(self._steps)))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read nothing more."""
        self._reader.close()

    def place(self, chunk: bytes, identity: str) -> Match:
        """Return what is known of the next chunk of the file."""
        known = self._known.get(identity)
        if known is not None:
            name, self._at = known
            self._inside = 0
            return Match(known=name)
        end = self._end_of(chunk)
        if end is None:
            return Match(anchors=self._beside(len(chunk)))
        found = self._read(self._at, end)
        self._at, self._inside = end, 0
        return Match(anchors=found)

    def _end_of(self, chunk: bytes) -> int | None:
        """Return the step after the one that ends as the chunk does."""
        tail = chunk[-TAIL:]
        for number in range(self._at, min(len(self._steps), self._at + _AHEAD)):
            anchor = self._reader.anchor(self._steps, number)
            if anchor is not None and anchor.plain[-TAIL:] == tail:
                return number + 1
        return None

    def _beside(self, size: int) -> tuple[Anchor, ...]:
        """Return what lies where a chunk of this size would be, and go on behind it."""
        first, end = self._at, self._inside + size
        covered, number = 0, first
        while covered < end and number < len(self._steps):
            anchor = self._reader.anchor(self._steps, number)
            length = len(anchor.plain) if anchor else size
            covered += length
            number += 1
            if covered <= end:
                self._at, self._inside = number, end - covered
            else:
                self._inside = end - (covered - length)
        return self._read(first, number)

    def _read(self, first: int, end: int) -> tuple[Anchor, ...]:
        found = (self._reader.anchor(self._steps, number) for number in range(first, end))
        return tuple(anchor for anchor in found if anchor is not None)[:MAX_ANCHORS]


class _Reader:
    """Reads anchors a little ahead, and keeps the last few."""

    def __init__(self, near: ObjectStore, cache: Cache | None) -> None:
        self._near = near
        self._cache = cache
        self._pool = ThreadPoolExecutor(1)
        self._kept: deque[tuple[int, Future[Anchor | None]]] = deque(maxlen=2 * _AHEAD)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def anchor(self, steps: Sequence[_Step], number: int) -> Anchor | None:
        """Return the anchor of a step; None when it cannot be read."""
        found = self._future(steps, number)
        if number + 1 < len(steps):
            self._future(steps, number + 1)
        return found.result()

    def _future(self, steps: Sequence[_Step], number: int) -> "Future[Anchor | None]":
        for kept, future in self._kept:
            if kept == number:
                return future
        future = self._pool.submit(self._anchor, steps[number])
        self._kept.append((number, future))
        return future

    def _anchor(self, step: _Step) -> Anchor | None:
        try:
            stored, plain = read_both(self._near, step.identity)
        except ObjectDamagedError:
            if self._cache:
                self._cache.drop(step.identity)
            return None
        return Anchor(step.identity, plain, len(stored), step.direct)


def _all_anchors(stores: Sequence[ObjectStore], names: Sequence[str]) -> Iterator[tuple[str, ...] | None]:
    """Yield for each object what it consists of: itself, or its anchors; None when that is lost.

    The near store is asked before the far one.
    """

    def ask(name: str) -> tuple[str, ...] | None:
        if not has_anchors(name):
            return (name,)
        for store in dict.fromkeys(stores):
            with suppress(ObjectDamagedError):
                return anchors_of(store, name)
        return None

    yield from in_order(ask, names, stores[-1].lanes)
