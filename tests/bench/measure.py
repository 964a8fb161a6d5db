"""Measure whole processes: wall seconds and peak memory, as the kernel accounts them."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a command: wall seconds, peak resident bytes of its largest process, what it printed."""

    seconds: float
    peak: int
    printed: str


def measure(argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Measured:
    """Run a command and account for it; raises when it fails."""
    with log.open("w+") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, env=dict(environ), stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read()
    if process.returncode:
        raise RuntimeError(f"{argv} ended with {process.returncode}: {printed}")
    return Measured(seconds, usage.ru_maxrss * 1024, printed)
