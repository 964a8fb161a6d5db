"""A child process of the stack: its own group, its output in a log, gone when its parent is."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.localstack.log_file import LogFile

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """How a child is started; `stdin` is written to it at once, `farewell` is the signal when we die."""

    argv: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    stdin: bytes = b""
    farewell: signal.Signals = signal.SIGKILL


class Child:
    """A started child. Only the thread that started it may end: the system then takes it for dead."""

    def __init__(self, launch: Launch, log: LogFile) -> None:
        with log.opened() as out:
            self._process = subprocess.Popen(
                launch.argv,
                cwd=launch.folder,
                env=dict(launch.environ),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                # Ctrl-C reaches the parent alone, which stops its children in order.
                start_new_session=True,
                preexec_fn=dying_with_parent(launch.farewell),  # noqa: PLW1509  # only calls prctl
            )
        if self._process.stdin is not None:
            # One that is dead already says why in its log.
            with suppress(BrokenPipeError):
                self._process.stdin.write(launch.stdin)
                self._process.stdin.close()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    def ending(self) -> str | None:
        """Say how it ended, or None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, limit: float) -> bool:
        """Ask it to end, and kill it after `limit` seconds; False when it had to be killed."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return False
        else:
            return True
        finally:
            self.kill()


def dying_with_parent(farewell: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs first, so that it gets a signal when the thread that started it ends."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, farewell)

    return prepare
