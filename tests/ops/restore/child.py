"""Restores the point named on the command line: a process for tests to kill."""

import os
import sys
import time

from pipelines.ops.context import Context
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.programs import installed_programs
from pipelines.ops.reporting import SilentReporter, Stopwatch
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.restore.flow import restore
from pipelines.ops.settings import load


def made_ready() -> Context:
    """Make what the flows need of the environment."""
    settings = load(os.environ, env_file=None)
    return Context(
        settings=settings,
        repository=Repository.open(store_at(settings.repository)),
        scratch=Scratch(installed_programs(), settings.scratch),
        watch=Stopwatch(SilentReporter(), time.perf_counter),
    )


if __name__ == "__main__":
    restore(made_ready(), sys.argv[1])
