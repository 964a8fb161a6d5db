"""Do a piece of work beside another, and let it end early when the other fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

Check = Callable[[], None]
"""Ends the work that calls it, when nobody waits for its result any more."""
T = TypeVar("T")


class _UnwantedError(Exception):
    """Nobody waits for the result any more."""


@contextmanager
def beside(work: Callable[[Check], T]) -> Iterator[Future[T]]:
    """Give the result of `work`, which runs in a thread of its own while the block does.

    When the block raises, the work ends at its next check, and is waited for until then.
    """
    unwanted = Event()

    def check() -> None:
        if unwanted.is_set():
            raise _UnwantedError

    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(work, check)
        except BaseException:
            unwanted.set()
            raise
