"""An object store in memory: the second implementation of the port, and the one that tests damage."""

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from pipelines.ops.repository.parallel import THREADS
from pipelines.ops.repository.store import (
    AbsentError,
    KeyTakenError,
    Stored,
    StoreFullError,
    TooLargeError,
    check_key,
    check_prefix,
)


class InMemoryStore:
    """Values in a dictionary; `room` is how many bytes they may have together, `now` its clock in seconds."""

    place = "memory"
    near = True
    lanes = THREADS
    glances = THREADS

    def __init__(self, room: int | None = None, now: Callable[[], float] = time.time) -> None:
        self.values: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self._now = now
        self._room = room
        self._lock = Lock()

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value; see the port."""
        check_key(key)
        with self._lock:
            if key in self.values and not replace:
                raise KeyTakenError(f"{key} is already in {self.place}.", "Choose another key.")
            used = sum(len(value) for name, value in self.values.items() if name != key)
            if self._room is not None and used + len(data) > self._room:
                raise StoreFullError(f"No space is left in {self.place} for {key}.", "Make room.")
            self.values[key] = bytes(data)
            self.times[key] = self._now()

    def settle(self, keys: Iterable[str]) -> None:
        """Do nothing: memory survives no power loss."""
        for key in keys:
            check_key(key)

    def check_writable(self) -> None:
        """Memory always takes more; see the port."""

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value; see the port."""
        check_key(key)
        value = self.values.get(key)
        if value is None:
            raise AbsentError(f"{key} is not in {self.place}.", "Look at what is there.")
        if len(value) > limit:
            raise TooLargeError(
                f"{key} in {self.place} has {len(value)} bytes, more than {limit}.",
                "It is not ours: remove it.",
            )
        return value

    def size(self, key: str) -> int | None:
        """Return the size of a value; see the port."""
        check_key(key)
        value = self.values.get(key)
        return None if value is None else len(value)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is stored below a folder; see the port."""
        check_prefix(prefix)
        with self._lock:
            found = [
                Stored(key, len(value), self.times.get(key, 0.0))
                for key, value in sorted(self.values.items())
                if key.startswith(prefix)
            ]
        return iter(found)

    def written(self, key: str) -> float | None:
        """Return when a value was put; see the port."""
        check_key(key)
        return self.times.get(key, 0.0) if key in self.values else None

    def clock(self) -> float:
        """Return the time; see the port."""
        return self._now()

    def delete(self, key: str) -> bool:
        """Remove a value; see the port."""
        check_key(key)
        with self._lock:
            self.values.pop(key, None)
        return True
