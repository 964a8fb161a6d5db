"""Measure whole processes: wall seconds and peak memory, as the kernel accounts them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

SYNAPSE = Path(sys.executable).parent / "synapse"
MB = 1e6
_SAMPLE_S = 0.02
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a command: wall seconds, peak bytes of memory, what it printed.

    `peak` is the resident memory of the largest process as the kernel accounts it, pages of mapped files
    included, which the kernel takes back when it needs them; `own` is the most that the command's first
    process was seen to hold without them (sampled 50 times a second).
    """

    seconds: float
    peak: int
    own: int
    printed: str


class _OwnMemory:
    """Watches the anonymous resident memory of a process until it ends."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._status = Path(f"/proc/{pid}/status")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Return the peak in bytes."""
        self._ended.set()
        self._thread.join()
        return self.peak

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            with suppress(OSError):
                self.peak = max(self.peak, _anonymous(self._status.read_text()))


def _anonymous(status: str) -> int:
    """Return RssAnon in bytes; 0 for a process that has ended."""
    lines = (line.split() for line in status.splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "RssAnon:"), 0)


def measure(argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Measured:
    """Run a command and account for it; raises when it fails."""
    with log.open("w+") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, env=dict(environ), stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        memory = _OwnMemory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        own = memory.end()
        out.seek(0)
        printed = out.read()
    if process.returncode:
        raise RuntimeError(f"{argv} ended with {process.returncode}: {printed}")
    return Measured(seconds, usage.ru_maxrss * 1024, own, printed)


def apart(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Call a function in a process of its own: a child's peak counts what its parent had when it was made."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given, **named).result()


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files of a folder, or of a file."""
    files = folder.rglob("*") if folder.is_dir() else [folder]
    return sum(path.stat().st_size for path in files if path.is_file())
