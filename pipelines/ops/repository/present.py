"""What a store has already: asked for each object where that is cheap, else listed by folder, once."""

from collections.abc import Callable
from itertools import islice
from threading import Lock

from pipelines.ops.repository.store import ObjectStore

Sizes = Callable[[str], int | None]
SMALL = 1000
"""Keys that an S3 store tells in one answer."""


def sizes_in(store: ObjectStore) -> Sizes:
    """Return what tells, by key, the size that an object had a while ago, None when it was missing.

    For one run, which must note itself what it puts, and must ask for each object again before it relies on
    it, as `publish` does.
    """
    return store.size if store.near else _Listed(store).size


class _Listed:
    """Sizes by listings: of a whole kind where one answer tells all, else of each folder asked for."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._locks: dict[str, Lock] = {}
        self._kinds: dict[str, dict[str, int] | None] = {}
        self._folders: dict[str, dict[str, int]] = {}
        self._lock = Lock()

    def size(self, key: str) -> int | None:
        """Return the size of an object."""
        kind, folder = key.partition("/")[0] + "/", key.rpartition("/")[0] + "/"
        with self._lock_of(kind):
            if kind not in self._kinds:
                self._kinds[kind] = self._few(kind)
        few = self._kinds[kind]
        if few is not None:
            return few.get(key)
        with self._lock_of(folder):
            if folder not in self._folders:
                self._folders[folder] = {one.key: one.size for one in self._store.list(folder)}
        return self._folders[folder].get(key)

    def _few(self, kind: str) -> dict[str, int] | None:
        found = {one.key: one.size for one in islice(self._store.list(kind), SMALL)}
        return found if len(found) < SMALL else None

    def _lock_of(self, name: str) -> Lock:
        with self._lock:
            return self._locks.setdefault(name, Lock())
