"""Sessions and cached answers in this process only: for tests, and to try things out."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from app.domain import Turn
from app.stores.memory.port import SessionSummary
from app.stores.memory.turns import decode, encode


def _now() -> datetime:
    return datetime.now(UTC)


class InMemoryMemory:
    """Implements Memory with dictionaries; `max_turns` a session, `max_sessions` in all."""

    def __init__(
        self, *, max_turns: int = 100, max_sessions: int = 1000, clock: Callable[[], datetime] = _now
    ) -> None:
        self._max_turns = max_turns
        self._max_sessions = max_sessions
        self._clock = clock
        self._answers: dict[str, tuple[bytes, datetime]] = {}
        self._turns: dict[str, list[bytes]] = {}
        self._last_asked: dict[str, datetime] = {}

    async def ping(self) -> None:
        """See Memory."""

    async def cached(self, key: str) -> bytes | None:
        """See Memory."""
        answer, end = self._answers.get(key, (None, self._clock()))
        return answer if self._clock() < end else None

    async def cache(self, key: str, answer: bytes, *, seconds: int) -> None:
        """See Memory."""
        self._answers[key] = answer, self._clock() + timedelta(seconds=seconds)

    async def remember(self, session_id: str, turn: Turn) -> None:
        """See Memory."""
        turns = [*self._turns.get(session_id, []), encode(turn)]
        self._turns[session_id] = turns[-self._max_turns :]
        self._last_asked[session_id] = max(self._last_asked.get(session_id, turn.asked), turn.asked)
        while len(self._turns) > self._max_sessions:
            await self.forget(self._by_age()[0])

    async def session(self, session_id: str) -> Sequence[Turn]:
        """See Memory."""
        return [decode(turn) for turn in self._turns.get(session_id, [])]

    async def sessions(self, *, limit: int = 100) -> Sequence[SessionSummary]:
        """See Memory."""
        newest = self._by_age()[::-1][: max(limit, 0)]
        return [
            SessionSummary(
                one, decode(self._turns[one][0]).question, len(self._turns[one]), self._last_asked[one]
            )
            for one in newest
        ]

    async def forget(self, session_id: str) -> bool:
        """See Memory."""
        self._last_asked.pop(session_id, None)
        return self._turns.pop(session_id, None) is not None

    async def close(self) -> None:
        """See Memory."""

    def _by_age(self) -> list[str]:
        return sorted(self._turns, key=lambda session_id: (self._last_asked[session_id], session_id))
