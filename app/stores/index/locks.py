"""Locks between processes: flock on a file, with an end to the waiting."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.005
"""Seconds between two tries; flock itself knows no time limit."""


class LockBusyError(Exception):
    """Somebody else held the lock for the whole time."""


@contextmanager
def shared(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold `path` together with other sharers. Raises LockBusyError and OSError."""
    with _held(path, fcntl.LOCK_SH, seconds):
        yield


@contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold `path` alone; `seconds=0` tries once. Raises LockBusyError and OSError."""
    with _held(path, fcntl.LOCK_EX, seconds):
        yield


@contextmanager
def _held(path: Path, kind: int, seconds: float) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait(descriptor, kind, time.monotonic() + seconds)
        yield
    finally:
        os.close(descriptor)  # lets go of the lock


def _wait(descriptor: int, kind: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise
            if time.monotonic() >= deadline:
                raise LockBusyError from error
            time.sleep(_PAUSE)
        else:
            return
