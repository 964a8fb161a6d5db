"""A store in memory that is gone after some changes, as for a process that is killed between two of them."""

import time
from collections.abc import Callable

from pipelines.ops.errors import UnreachableError
from pipelines.ops.repository import InMemoryStore


class DyingStore(InMemoryStore):
    """It holds these values, which it shares, and carries out `works` writes and deletions, then none."""

    def __init__(self, values: dict[str, bytes], works: int, now: Callable[[], float] = time.time) -> None:
        super().__init__(now=now)
        self.values = values
        self.works = works

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value while it works."""
        self.count()
        super().put(key, data, replace=replace)

    def delete(self, key: str) -> bool:
        """Remove a value while it works."""
        self.count()
        return super().delete(key)

    def count(self) -> None:
        """Count one change, or raise UnreachableError."""
        self.works -= 1
        if self.works < 0:
            raise UnreachableError("The store went away.", "Run the command again.")
