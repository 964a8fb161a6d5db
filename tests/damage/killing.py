"""A process of the tests that says `ready`, works and says `ended`: killed on the way, or timed.

It says `step` at each step of its work, and goes on when it is answered, or nobody is there to answer.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import IO

from pipelines.ops.reporting import Advance
from tests.ending import ended


@dataclass(frozen=True, slots=True)
class Whole:
    """What it takes when it is not killed: seconds on this machine, with some more, and steps."""

    seconds: float
    steps: int


class StepByStep:
    """The reporter of the process: each advance is a step."""

    @contextmanager
    def step(self, _title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Run a step of the work."""
        del total, unit
        yield _step

    def note(self, _text: str) -> None:
        """Drop it."""


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _step(_amount: int) -> None:
    say("step")
    sys.stdin.readline()


def killed(module: str, *arguments: str, chance: Random, whole: Whole) -> bool:
    """Run it until it is killed, after some time or at some step; return whether it had ended."""
    if chance.random() < 0.5:
        return _killed_after(chance.uniform(0, whole.seconds), module, *arguments)
    # On a busy machine most times are too short or too long.
    return _killed_at(chance.randrange(whole.steps), module, *arguments)


def ends(module: str, *arguments: str) -> Whole:
    """Run it to the end; return what that takes."""
    began = time.monotonic()
    with _run(module, *arguments, stdin=subprocess.DEVNULL) as (_, stdout):
        lines = stdout.readlines()
        assert lines[-1] == "ended\n"
    return Whole(1.2 * (time.monotonic() - began), lines.count("step\n"))


def _killed_after(seconds: float, module: str, *arguments: str) -> bool:
    with _run(module, *arguments, stdin=subprocess.DEVNULL) as (child, stdout):
        # Nothing to wait for: a kill may come at any moment.
        time.sleep(seconds)
        child.kill()
        return "ended\n" in stdout.readlines()


def _killed_at(step: int, module: str, *arguments: str) -> bool:
    with _run(module, *arguments, stdin=subprocess.PIPE) as (child, stdout):
        assert child.stdin is not None
        for line in stdout:
            if line == "ended\n":
                return True
            if step == 0:
                child.kill()
                return False
            step -= 1
            child.stdin.write("\n")
            child.stdin.flush()
    return False


@contextmanager
def _run(module: str, *arguments: str, stdin: int) -> "Iterator[tuple[subprocess.Popen[str], IO[str]]]":
    command = [sys.executable, "-m", module, *arguments]
    with (
        subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True) as child,
        ended(child),
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child, child.stdout
