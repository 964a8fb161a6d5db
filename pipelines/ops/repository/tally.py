"""How many objects, and how many bytes they have in the store."""

from dataclasses import dataclass

from pipelines.ops.repository.store import Stored


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of objects, and their stored bytes."""

    objects: int = 0
    size: int = 0

    def and_one(self, stored: Stored) -> "Tally":
        """Count one more."""
        return Tally(self.objects + 1, self.size + stored.size)
