"""Give up what a loader of untrusted files does not need: user, files, memory, time and core dumps."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

NOBODY = 65534
_PR_SET_PDEATHSIG = 1


def confine(*, memory: int, cpu_seconds: int, folder: Path | None, parent: int) -> Path | None:
    """Confine this process for good; whatever it needs to import must be imported by now.

    As root it becomes `nobody`, and with `folder` it sees nothing outside of its parent folder. Returns the
    path by which `folder` is seen from now on.
    """
    seen = folder
    if folder is not None:
        # A private parent folder would stop `nobody`, but not a process that is in it already.
        os.chdir(folder.parent)
        seen = Path(folder.name)
    if os.getuid() == 0:
        if folder is not None:
            os.chroot(".")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_AS, memory)
    _die_with(parent)
    return seen


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _die_with(parent: int) -> None:
    """Ask for SIGKILL when the parent dies; a change of user would have cleared an earlier wish."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
