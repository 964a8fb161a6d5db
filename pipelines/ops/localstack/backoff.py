"""When to start a server again that died: soon at first, later each time, and not for ever."""

from collections.abc import Callable

_FIRST_S = 0.25
_FACTOR = 2.0
_TRIES = 6
_CALM_S = 120.0
"""After that time without a death the counting begins again."""


class Backoff:
    """Counts deaths by a monotonic clock in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deaths = 0
        self._last = float("-inf")

    def next_delay(self) -> float | None:
        """Return the seconds to wait before the next try, or None when it has been tried enough."""
        now = self._clock()
        if now - self._last > _CALM_S:
            self._deaths = 0
        self._last = now
        self._deaths += 1
        return None if self._deaths > _TRIES else _FIRST_S * _FACTOR ** (self._deaths - 1)
