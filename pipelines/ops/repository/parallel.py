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


def in_order(work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Generator[ResultT]:
    """Yield the result of each item in order; items are taken only a little ahead of the results.

    The first error ends the whole; what has not begun by then is not begun.
    """
    waiting: deque[Future[ResultT]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
