"""Do work on all cores in order, with a bounded number of pieces in memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

THREADS = min(16, (os.cpu_count() or 1) + 2)
"""Two more than cores, because some of them wait for the disk."""
DOCUMENTS = max(8, THREADS)
"""Manifests at once at most, from wherever they come: each may be far larger than a chunk."""


def in_order(
    work: Callable[[ItemT], ResultT], items: Iterable[ItemT], lanes: int = THREADS
) -> Generator[ResultT]:
    """Yield the result of each item in order; of the items so many `lanes` are worked on at once.

    Items are taken only a little ahead of the results: at most `lanes + THREADS` are in memory.

    The first error ends the whole; what has not begun by then is not begun.
    """
    waiting: deque[Future[ResultT]] = deque()
    pool = ThreadPoolExecutor(lanes)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= lanes + THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
