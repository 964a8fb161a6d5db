"""Hold the writes of a running Redis; the pause ends by itself soon after this process does."""

import threading
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import UnreachableError
from pipelines.ops.redis.connection import call, connect, named, talking_to

_PAUSE_MS = 10_000
_RENEW_S = 2.0


class WritePause:
    """`CLIENT PAUSE … WRITE`, renewed until it is left. `check` raises when a renewal failed."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._client = connect(address)
        self._leave = threading.Event()
        self._failure: RedisError | OSError | None = None
        self._thread = threading.Thread(target=self._renew, name="write-pause", daemon=True)

    def __enter__(self) -> Self:
        with talking_to(self._address):
            self._pause()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._client.close()

    def check(self) -> None:
        """Raise UnreachableError when the pause could not be renewed: writes may have come through."""
        if self._failure is not None:
            raise UnreachableError(
                f"The write pause of {named(self._address)} was lost ({self._failure}).",
                "Run the restore again.",
            ) from self._failure

    def end(self) -> None:
        """Let writes through again; safe to call twice."""
        if self._leave.is_set():
            return
        self._leave.set()
        self._thread.join()
        if self._failure is None:
            with talking_to(self._address):
                call(self._client, "CLIENT", "UNPAUSE")

    def _pause(self) -> None:
        call(self._client, "CLIENT", "PAUSE", _PAUSE_MS, "WRITE")

    def _renew(self) -> None:
        while not self._leave.wait(_RENEW_S):
            try:
                self._pause()
            except (RedisError, OSError) as error:
                self._failure = error
                return
