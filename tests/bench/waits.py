"""How long a client that writes all the while goes without an acknowledged write: what a restore costs it."""

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

_EVERY_S = 0.005


class WriteWaits:
    """Writes one key 200 times a second on a thread of its own, and keeps the longest time without success.

    While a target follows the scratch server it refuses writes (READONLY) instead of holding them.
    """

    def __init__(self, port: int, password: str) -> None:
        self.longest_s = 0.0
        self._client = Redis(port=port, password=password)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _write(self) -> None:
        written = time.perf_counter()
        while not self._ended.wait(_EVERY_S):
            with suppress(RedisError):
                self._client.set("bench:written-during-the-restore", "1")
                self.longest_s = max(self.longest_s, time.perf_counter() - written)
                written = time.perf_counter()
