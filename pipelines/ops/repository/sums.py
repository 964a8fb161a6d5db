"""SHA-256 sums of files, taken beside the work that reads or writes them."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from pipelines.ops.repository.parallel import THREADS


class Sums:
    """Takes sums in the order of their chunks in a thread of its own; who is too far ahead of it waits."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._behind: deque[Future[None]] = deque()

    def close(self) -> None:
        """Leave what was not begun."""
        self._pool.shutdown(cancel_futures=True)

    def take(self, sums: "hashlib._Hash", chunk: bytes) -> None:
        """Add a chunk to a file's sum, soon."""
        self._behind.append(self._pool.submit(sums.update, chunk))
        if len(self._behind) > THREADS:
            self._behind.popleft().result()

    def wait(self) -> None:
        """Return when every chunk is added."""
        while self._behind:
            self._behind.popleft().result()
