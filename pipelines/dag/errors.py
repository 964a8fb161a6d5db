"""What an operator sees when a job or one of its steps fails, and the exit codes of jobs."""

import re
from enum import IntEnum

INSTALL = "make pipelines && . .venv/bin/activate"
"""Gives a Python what jobs need; each job file says it too, as it cannot import this where it is wanted."""


_TRACE = re.compile(r" ?\[traceparent:[0-9a-f-]+\]")


class JobExit(IntEnum):
    """The exit codes of a job: those of `synapse`, whose table this room may not import: a test compares."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    DAMAGED = 4
    UNREACHABLE = 5
    REFUSED = 6
    NO_ENGINE = 7
    INTERRUPTED = 130


class JobError(Exception):
    """A job cannot be done as asked: `what` is wrong, and `hint` what to type or change next."""

    code = JobExit.USAGE

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what} {hint}")
        self.what = what
        self.hint = hint


class RefusedJobError(JobError):
    """A safety check said no, before anything was published or touched."""

    code = JobExit.REFUSED


class NoEngineError(JobError):
    """No Dagger engine can be used."""

    code = JobExit.NO_ENGINE


class StepError(Exception):
    """A step failed: `reason` in one or a few lines, `code` when the command behind it gave one."""

    def __init__(self, reason: str, code: int = JobExit.FAILED, output: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.output = output


def first_line(error: Exception) -> str:
    """Return the first line that an error has to say, or what kind it is."""
    return next((line for line in text_of(error).splitlines() if line.strip()), type(error).__name__)


def text_of(error: Exception) -> str:
    """Return what an error has to say, without the marks by which the engine's own tools find its trace."""
    return _TRACE.sub("", str(error))
