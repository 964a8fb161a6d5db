"""Runs blocking work of stores and embedders in a bounded number of threads."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Threads:
    """At most `size` blocking calls at a time; further ones wait without holding the event loop."""

    def __init__(self, size: int = 8) -> None:
        self._limiter = anyio.CapacityLimiter(size)

    async def run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call `function` in a thread and return its result; a write that has begun is not left half-way."""
        return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._limiter)

    async def glance(self, function: Callable[[], _R]) -> _R:
        """Call `function` like `run`, but when cancelled leave the thread behind rather than wait for it."""
        return await anyio.to_thread.run_sync(function, limiter=self._limiter, abandon_on_cancel=True)
