"""The port of sessions and the answer cache. One contract suite holds for every implementation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain import Turn


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session as it is listed; its title is the oldest question that it keeps."""

    id: str
    title: str
    turns: int
    last_asked: datetime


class Memory(Protocol):
    """Sessions (kept, bounded by the application) and cached answers (with an end, may be evicted)."""

    async def ping(self) -> None:
        """Return when the store answers and lets us in. Raises StoreUnavailableError."""

    async def cached(self, key: str) -> bytes | None:
        """Return a cached answer, or None."""

    async def cache(self, key: str, answer: bytes, *, seconds: int) -> None:
        """Keep an answer for at most `seconds`; it may be evicted before."""

    async def remember(self, session_id: str, turn: Turn) -> None:
        """Append a turn to a session, making it; the oldest turns and sessions beyond the bounds go."""

    async def session(self, session_id: str) -> Sequence[Turn]:
        """Return the turns of a session, oldest first; empty when there is none."""

    async def sessions(self, *, limit: int = 100) -> Sequence[SessionSummary]:
        """Return sessions, the last asked first."""

    async def forget(self, session_id: str) -> bool:
        """Delete a session; False when there was none."""

    async def close(self) -> None:
        """Close connections; safe to call twice."""
