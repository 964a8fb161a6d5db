"""A job's process: a `synapse` command of its own, read as it speaks, ended when its time is over."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from pipelines.ops.localstack.child import dying_with_parent

GRACE_S = 60.0
"""A job that is told to end may take so long: what it has begun it undoes."""
_DOCUMENT = 4 << 20
"""More is not kept of what a job prints on stdout."""
_LINE = 2000
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: its exit code (-9 and so on of a killed one), its JSON document, why it was told."""

    code: int
    document: Mapping[str, object]
    last_line: str = ""
    because: str = ""
    hint: str = ""


class Child:
    """A running job, in a group of its own; `say` is given each line that it prints on stderr.

    It is told to end when this process dies, and when it has run for `limit` seconds; one that does not end
    within the grace is killed. The thread that made it must live as long.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        *,
        limit: float,
        clock: Callable[[], float],
        say: Callable[[str], None],
        grace: float = GRACE_S,
    ) -> None:
        self._clock, self._say, self._grace = clock, say, grace
        self._deadline = clock() + limit
        self._kill_at: float | None = None
        self._because = self._hint = ""
        self._limit = limit
        self._document = bytearray()
        self._line = bytearray()
        self._last = ""
        self._process = subprocess.Popen(
            argv,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509  # only calls prctl
        )
        self._pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe]
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def pipes(self) -> list[int]:
        """What can be waited for: the descriptors from which more may come."""
        return [pipe.fileno() for pipe in self._pipes]

    def look(self) -> Outcome | None:
        """Take in what it has said, see to its time, and return how it ended, if it has."""
        code = self._process.poll()
        for pipe in list(self._pipes):
            self._read(pipe)
        if code is not None:
            self._close()
            return self._outcome(code)
        now = self._clock()
        if now >= self._deadline and self._kill_at is None:
            self.tell_to_end(
                f"It had not ended after {self._limit:g} s, and was told to.",
                "Raise SYNAPSE_SCHEDULE_TIME_LIMIT if it needs more time.",
            )
        if self._kill_at is not None and now >= self._kill_at:
            self._signal(signal.SIGKILL)
        return None

    def tell_to_end(self, because: str, hint: str) -> None:
        """Ask it to end in good order, once; it is killed when the grace has passed."""
        if self._kill_at is None:
            self._because, self._hint = because, hint
            self._kill_at = self._clock() + self._grace
            with suppress(ProcessLookupError):
                self._process.terminate()

    def _outcome(self, code: int) -> Outcome:
        document: object = None
        with suppress(ValueError):
            document = json.loads(self._document)
        found = document if isinstance(document, dict) else {}
        return Outcome(code, found, self._last, self._because, self._hint)

    def _close(self) -> None:
        # Nothing that it left behind may go on, or keep the pipes open.
        self._signal(signal.SIGKILL)
        for pipe in self._pipes:
            pipe.close()
        self._pipes = []
        if self._line:
            self._tell()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _read(self, pipe: IO[bytes]) -> None:
        with suppress(BlockingIOError):
            while data := os.read(pipe.fileno(), _CHUNK):
                if pipe is self._process.stdout:
                    self._document += data[: _DOCUMENT - len(self._document)]
                else:
                    self._hear(data)
            self._pipes.remove(pipe)
            pipe.close()

    def _hear(self, data: bytes) -> None:
        for part in data.splitlines(keepends=True):
            self._line += part[: _LINE - len(self._line)]
            if part.endswith((b"\n", b"\r")):
                self._tell()

    def _tell(self) -> None:
        line = self._line.decode(errors="replace").strip()
        self._line.clear()
        if line:
            self._last = line
            self._say(line)
