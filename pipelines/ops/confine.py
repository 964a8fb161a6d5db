"""Run a child that reads what a repository holds: unprivileged, bounded, and gone when its parent is."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

_NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


class Identity(TypedDict, total=False):
    """Who the child is, as `subprocess.Popen` takes it."""

    user: int
    group: int
    extra_groups: list[int]


def unprivileged() -> Identity:
    """Return another user for the child when this process is root, else nothing."""
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def hand_over(folder: Path) -> None:
    """Give a folder and all in it to the unprivileged child, when there is one."""
    if os.geteuid() != 0:
        return
    os.chown(folder, _NOBODY, _NOBODY)
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            os.chown(Path(parent) / name, _NOBODY, _NOBODY, follow_symlinks=False)


def bounded(*, memory: int | None = None) -> Callable[[], None]:
    """Return what the child does first: die with its parent, gain no rights, dump no core, stay in bounds.

    `memory` bounds its address space in bytes. The child dies with the thread that starts it.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # it ended before the line above could bind us to it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return prepare
