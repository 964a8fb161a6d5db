"""Counts of several workers in one folder: each writes files of its own, whoever is scraped adds them up.

A worker takes the lowest place that is free and goes on with the counts that lie there. So a counter never
goes back when a worker dies, and there are never more files than workers that ran at the same time.
"""

import fcntl
import os
from itertools import count
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def join(folder: Path) -> None:
    """Make every counter of this process, from now on, one that is shared through `folder`."""
    place = _claim(folder)
    # The library knows no other way to be told.
    os.environ[_VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]  # the library types it not


def everybody(folder: Path) -> CollectorRegistry:
    """Return what all workers have counted together."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # as above
    return registry


def _claim(folder: Path) -> int:
    """Return the number of a place that is ours until this process ends, however it ends."""
    for place in count():
        handle = os.open(folder / f"worker-{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
        else:
            return place
    raise AssertionError("unreachable: numbers do not end")
