"""One part of the stack while it is up: started until it answers, killed, stopped, started again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pipelines.ops.errors import OpsError
from pipelines.ops.localstack.backoff import Backoff
from pipelines.ops.localstack.child import Child, Launch
from pipelines.ops.localstack.log_file import LogFile
from pipelines.ops.reporting import Reporter

_POLL_S = 0.02


class Server(Protocol):
    """What is run: how to launch it, and how to know that it is ready."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def start_limit(self) -> float:
        """How long it may take to answer, in seconds."""

    @property
    def stop_limit(self) -> float:
        """How long it may take to end when asked to, in seconds."""

    def preflight(self) -> None:
        """Raise OpsError when it could not be started, before anything is."""

    def launch(self) -> Launch:
        """Return how it is started."""

    def missing(self, pid: int) -> str | None:
        """Say what the process lacks to be ready, or None when it is."""


class Part:
    """A server and its child process; waiting for it ends with KeyboardInterrupt once `stopping` is true."""

    def __init__(
        self,
        server: Server,
        log: Path,
        *,
        stopping: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self._log = LogFile(log)
        self._stopping = stopping
        self._clock = clock
        self._backoff = Backoff(clock)
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The id of its process, None while it is down."""
        return None if self._child is None else self._child.pid

    @property
    def died(self) -> str | None:
        """How it ended though nobody stopped it, or None."""
        return None if self._child is None else self._child.ending()

    def preflight(self) -> None:
        """Raise OpsError when it is down and could not be started."""
        if self._child is None:
            self.server.preflight()

    def start(self, reporter: Reporter) -> None:
        """Start it and return when it answers; nothing when it runs already. Raises OpsError."""
        if self._child is not None and self._child.ending() is None:
            return
        with reporter.step(f"Start {self.server.title}"):
            self.kill()
            self._child = Child(self.server.launch(), self._log)
            try:
                self._wait(self._child)
            except BaseException:
                self.kill()
                raise

    def revive(self, reporter: Reporter, pause: Callable[[float], None]) -> None:
        """Start one that died again, waiting longer each time. Raises OpsError when it does not stay up."""
        why = f"{self.server.title} {self.died}."
        while True:
            delay = self._backoff.next_delay()
            if delay is None:
                raise OpsError(f"{why} It does not stay up.", f"Look at {self._log.path}.")
            reporter.note(f"{why} Starting it again in {delay:g} s.")
            pause(delay)
            try:
                return self.start(reporter)
            except OpsError as error:
                why = error.what

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def stop(self, reporter: Reporter) -> None:
        """End it in good order, and by force when it does not end."""
        if self._child is None:
            return
        with reporter.step(f"Stop {self.server.title}"):
            in_time = self._child.stop(self.server.stop_limit)
            self._child = None
        if not in_time:
            reporter.note(
                f"{self.server.title} did not end within {self.server.stop_limit:g} s and was killed."
            )

    def _wait(self, child: Child) -> None:
        deadline = self._clock() + self.server.start_limit
        while (missing := self.server.missing(child.pid)) is not None:
            if self._stopping():
                raise KeyboardInterrupt
            ending = child.ending()
            if ending is not None:
                raise OpsError(
                    f"{self.server.title} {ending} before it answered: {self._log.last_words()}",
                    f"See {self._log.path}.",
                )
            if self._clock() > deadline:
                raise OpsError(
                    f"{self.server.title} is not ready after {self.server.start_limit:g} s: {missing}"
                    f" (its log: {self._log.last_words()})",
                    f"See {self._log.path}.",
                )
            time.sleep(_POLL_S)  # a server that starts says nothing until it answers
