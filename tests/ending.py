"""Processes that a test starts are ended and waited for, whatever goes wrong on the way."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import AnyStr


@contextmanager
def ended(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """Kill a process that is left when the block ends, and close its pipes."""
    try:
        yield process
    finally:
        kill(process)


@contextmanager
def until_started(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a process when the block that waits for its start fails; else let it run."""
    try:
        yield
    except BaseException:
        kill(process)
        raise


def configure(process: subprocess.Popen[bytes], lines: Sequence[str]) -> None:
    """Give a server its configuration; one that has ended already says why in its log."""
    assert process.stdin
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write("\n".join([*lines, ""]).encode())


def kill(process: subprocess.Popen[AnyStr]) -> None:
    """End a process at once and wait for it."""
    if process.poll() is None:
        process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()
