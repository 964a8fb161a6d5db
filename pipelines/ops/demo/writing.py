"""Writers that keep both stores busy while the backup runs, and know what was acknowledged."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx
import redis

_BATCH = 50


class BusyWriters:
    """One thread writes keys, one adds documents, until it is left; counts what was acknowledged.

    Leaving it raises what a writer met, if one had to stop.
    """

    def __init__(self, client: redis.Redis, backend: httpx.Client) -> None:
        self.keys = 0
        self.documents: list[str] = []
        self._client = client
        self._backend = backend
        self._leave = threading.Event()
        self._failures: list[redis.RedisError | httpx.HTTPError] = []
        self._threads = [
            threading.Thread(target=self._repeat, args=(work,), daemon=True)
            for work in (self._write_keys, self._add_document)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        for thread in self._threads:
            thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    def _repeat(self, work: Callable[[], None]) -> None:
        try:
            while not self._leave.is_set():
                work()
        except (redis.RedisError, httpx.HTTPError) as error:
            self._failures.append(error)

    def _write_keys(self) -> None:
        with self._client.pipeline(transaction=True) as pipeline:
            for number in range(self.keys, self.keys + _BATCH):
                pipeline.set(f"demo:busy:{number}", number)
            pipeline.execute()
        self.keys += _BATCH

    def _add_document(self) -> None:
        number = len(self.documents)
        reply = self._backend.post(
            "/api/documents",
            json={"title": f"Note {number}", "text": f"Note {number} was written while the backup ran."},
        )
        reply.raise_for_status()
        self.documents.append(reply.json()["id"])
