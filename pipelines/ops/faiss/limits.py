"""How much memory and time the loading of one FAISS file may take."""

from dataclasses import dataclass

GIB = 1 << 30
FACTOR = 4
HEADROOM = GIB
MOST = 64 * GIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the child: bytes of memory (None: by file size), seconds of CPU, seconds by the clock."""

    memory: int | None = None
    cpu_seconds: int = 300
    seconds: float = 600.0

    def memory_for(self, size: int) -> int:
        """Return the bytes that a file of this size may take: 4 times its size and 1 GiB, at most 64 GiB."""
        return self.memory or min(FACTOR * size + HEADROOM, MOST)
