"""The port of an object store: bytes under keys, which appear whole or not at all."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.ops.errors import DamagedError, NothingError, OpsError, UsageError

MAX_KEY = 512
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_TEMPORARY = "tmp"


class KeyRefusedError(UsageError):
    """A key climbs, is absolute, too long, or has a character that some store cannot keep."""


class KeyTakenError(OpsError):
    """A create-only put found a value already there; that value is untouched."""


class AbsentError(NothingError):
    """No value is stored under the key."""


class UnreadableError(DamagedError):
    """The store answers, but this one value cannot be read: a bad sector, or something that is no file."""


class ArchivedError(UnreadableError):
    """The value is whole, but the store has moved it to where it cannot be read at once."""


class TooLargeError(DamagedError):
    """A stored value is larger than anything that is ever written under such a key."""


class LockedError(OpsError):
    """The store keeps the value from being deleted or replaced for some time, whoever asks."""


class StoreFullError(OpsError):
    """There is no space left; nothing of the value can be seen."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A key, the size of its value in bytes, and when it was put, in seconds by the store's own clock."""

    key: str
    size: int
    written: float = field(default=0.0, compare=False)


class ObjectStore(Protocol):
    """Where a repository lives. Any number of threads and processes may use one place at once.

    Every method raises `OpsError` kinds only: `KeyRefusedError` for a key that `check_key` refuses,
    `UnreachableError` when the place cannot be reached or does not let us in.
    """

    @property
    def place(self) -> str:
        """What an operator calls this store, for error sentences."""

    @property
    def near(self) -> bool:
        """Tell whether reading costs little, so that a backup may look at what is there already."""

    @property
    def lanes(self) -> int:
        """How many requests at once pay: as many as there are cores, or more where each has to travel."""

    @property
    def glances(self) -> int:
        """How many looks at sizes and times pay at once, which need no memory."""

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value, whole at once. Without `replace` a present key is a `KeyTakenError`.

        Only after `settle` does the value survive a power loss.
        """

    def settle(self, keys: Iterable[str]) -> None:
        """Return when the present values of these keys survive a power loss, whoever put them.

        A store that locks values has each of them locked for as long as what is put now.
        """

    def check_writable(self) -> None:
        """Raise what `put` would raise when nothing can be stored here now; leaves nothing behind."""

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value of at most `limit` bytes, else `TooLargeError`; `AbsentError` when there is none.

        `UnreadableError` when something is there, and only that cannot be read.
        """

    def size(self, key: str) -> int | None:
        """Return the size of a value in bytes, or None when there is none."""

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is stored below a folder (`points/`, or everything) in the order of the keys."""

    def written(self, key: str) -> float | None:
        """Return when a value was put, in seconds by the store's own clock, or None when there is none.

        It may be cut to whole seconds, and is never later than the moment at which the value could be seen.
        """

    def clock(self) -> float:
        """Return the store's own time in seconds, which every machine that uses the store shares."""

    def delete(self, key: str) -> bool:
        """Remove a value; a missing one is already removed. LockedError when the store keeps it for now.

        False when the store keeps the removed value as an older version, so that its space is not free.
        """


def check_key(key: str) -> tuple[str, ...]:
    """Return the parts of a key that every store can keep, or raise `KeyRefusedError`."""
    parts = tuple(key.split("/"))
    if len(key) > MAX_KEY or parts[0] == _TEMPORARY or not all(_PART.fullmatch(part) for part in parts):
        raise KeyRefusedError(
            f"{key[:80]!r} cannot be a key of a repository.",
            "Keys are letters, digits, '.', '_', '-' in parts divided by '/'; no part begins with a dot.",
        )
    return parts


def check_prefix(prefix: str) -> tuple[str, ...]:
    """Return the parts of a folder of keys (empty, or ending in '/'), or raise `KeyRefusedError`."""
    if not prefix:
        return ()
    if not prefix.endswith("/"):
        raise KeyRefusedError(f"{prefix[:80]!r} is no folder of keys.", "End it with '/'.")
    return check_key(prefix[:-1])
