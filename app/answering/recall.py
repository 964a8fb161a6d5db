"""The memory as answers use it: when it cannot be reached, an answer goes on without it and says so."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from app.domain import StoreUnavailableError, Turn
from app.stores.memory.port import Memory

_T = TypeVar("_T")

WITHOUT_MEMORY = (
    "Redis cannot be reached: earlier turns and cached answers were not used, this one is not kept."
)
WITHOUT_KEEPING = "A restore is under way: this answer is not kept in its session."


class Recall:
    """The memory during one question; `notes` says what had to be left out."""

    def __init__(self, memory: Memory, *, restoring: Callable[[], bool]) -> None:
        self._memory = memory
        self._restoring = restoring
        self._lost = False
        self.notes: list[str] = []

    async def cached(self, key: str) -> bytes | None:
        """Return a cached answer, or None."""
        return await self._tried(lambda: self._memory.cached(key), None)

    async def turns(self, session_id: str) -> Sequence[Turn]:
        """Return the turns of a session; none when they cannot be had."""
        return await self._tried(lambda: self._memory.session(session_id), ())

    async def cache(self, key: str, answer: bytes, *, seconds: int) -> None:
        """Keep an answer, unless a restore is under way."""
        if not self._restoring():
            await self._tried(lambda: self._memory.cache(key, answer, seconds=seconds), None)

    async def remember(self, session_id: str, turn: Turn) -> None:
        """Append a turn to a session, unless a restore is under way."""
        if self._restoring():
            self._note(WITHOUT_KEEPING)
        else:
            await self._tried(lambda: self._memory.remember(session_id, turn), None)

    async def _tried(self, call: Callable[[], Awaitable[_T]], otherwise: _T) -> _T:
        # Once lost it is not asked again, so that an answer waits for one timeout and not for four.
        if self._lost:
            return otherwise
        try:
            return await call()
        except StoreUnavailableError:
            self._lost = True
            self._note(WITHOUT_MEMORY)
            return otherwise

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
