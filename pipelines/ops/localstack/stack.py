"""The local stack: Redis and the backend brought up in order, kept up, and ended in order."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pipelines.ops.localstack.backend import Backend
from pipelines.ops.localstack.holding import LOGS, held_stack, private_folder
from pipelines.ops.localstack.part import Part
from pipelines.ops.localstack.password import with_password
from pipelines.ops.localstack.redis_server import RedisServer
from pipelines.ops.reporting import Reporter
from pipelines.ops.settings import OpsSettings

_LOOK_S = 0.1


def _nothing() -> None:
    pass


def _never() -> bool:
    return False


class LocalStack:
    """Servers on the data folder of the settings, up inside a `with` block.

    `before_backend` is called each time Redis is up and the backend is about to start. Once `stopping` is
    true, what waits gives up with KeyboardInterrupt: for signals that must not strike between any two lines.
    Use it in one thread, the one that made it. Raises RefusedError before anything is started (already up,
    port taken, settings of another machine), and OpsError with what the server said when one does not start.
    """

    def __init__(
        self,
        settings: OpsSettings,
        environ: Mapping[str, str],
        reporter: Reporter,
        *,
        workers: int = 1,
        before_backend: Callable[[], None] = _nothing,
        stopping: Callable[[], bool] = _never,
    ) -> None:
        self.settings = settings
        self._environ = environ
        self._reporter = reporter
        self._workers = workers
        self._before_backend = before_backend
        self._stopping = stopping
        self._held = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(held_stack(self.settings.service.data_dir))
            self.settings = with_password(self.settings)
            logs = private_folder(self.settings.service.data_dir / LOGS)
            self._redis = Part(RedisServer(self.settings), logs / "redis.log", stopping=self._stopping)
            backend = Backend(self.settings, self._environ, self._workers)
            self._backend = Part(backend, logs / "backend.log", stopping=self._stopping)
            undo.callback(self.stop)
            self.start()
            self._held = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def url(self) -> str:
        """Where the backend answers."""
        return self.settings.service.url

    @property
    def docs_url(self) -> str:
        """Where a person reads and tries its API."""
        return f"{self.url}/api/docs"

    @property
    def redis_pid(self) -> int | None:
        """The process of Redis, None while it is down."""
        return self._redis.pid

    @property
    def backend_pid(self) -> int | None:
        """The process of the backend (the parent of its workers), None while it is down."""
        return self._backend.pid

    def start(self) -> None:
        """Start what is down, Redis first; return when both answer."""
        for part in (self._redis, self._backend):
            part.preflight()
        self._redis.start(self._reporter)
        if self._backend.pid is None:
            self._before_backend()
        self._backend.start(self._reporter)

    def stop(self) -> None:
        """End both, the backend first, so that it can still say goodbye to Redis."""
        try:
            self._backend.stop(self._reporter)
        finally:
            self._redis.stop(self._reporter)

    def kill_redis(self) -> None:
        """Kill Redis as a crash would; `start` brings it back."""
        self._redis.kill()

    def kill_backend(self) -> None:
        """Kill the backend and its workers as a crash would; `start` brings it back."""
        self._backend.kill()

    def supervise(
        self, until: Callable[[], bool] = _never, pause: Callable[[float], None] | None = None
    ) -> None:
        """Start again what dies, until told to end. Raises OpsError when one does not stay up."""
        pause = pause or self._pause
        while not (until() or self._stopping()):
            for part in (self._redis, self._backend):
                if part.died is not None:
                    part.revive(self._reporter, pause)
            pause(_LOOK_S)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopping():
            time.sleep(min(left, _LOOK_S))
