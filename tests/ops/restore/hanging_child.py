"""Restores as `child` does, and stops itself and all that it has started when a step begins.

usage: python -m tests.ops.restore.hanging_child STEP POINT; it is to be the leader of its process group.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter

from pipelines.ops.errors import OpsError
from pipelines.ops.reporting import Advance, SilentReporter, Stopwatch
from pipelines.ops.restore.flow import restore
from tests.ops.restore.child import made_ready


class Hanging(SilentReporter):
    """Hangs once."""

    def __init__(self, title: str) -> None:
        self._title = title

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Stop the process group when the step begins."""
        if title == self._title:
            os.killpg(0, signal.SIGSTOP)
        with super().step(title, total=total, unit=unit) as advance:
            yield advance


if __name__ == "__main__":
    work = made_ready()
    try:
        restore(replace(work, watch=Stopwatch(Hanging(sys.argv[1]), perf_counter)), sys.argv[2])
    except OpsError as error:
        sys.stderr.write(error.what)
        sys.exit(error.code)
