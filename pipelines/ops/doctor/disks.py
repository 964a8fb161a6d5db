"""A folder's disk: can it be written, and how much room is left."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from pipelines.ops.doctor.check import Finding, amber, green, red
from pipelines.ops.doctor.quantities import size

_RED_BYTES = 100_000_000
_AMBER_BYTES = 1_000_000_000
_PROBE_BYTES = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def writable(name: str, folder: Path, variable: str) -> Finding:
    """Write a file into a folder, take it away again, and judge the room that is left."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(os.urandom(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
        usage = shutil.disk_usage(folder)
    except OSError as error:
        if error.errno in _FULL:
            return red(name, f"the disk of {folder} is full", "Make room on it now: writes are lost.")
        return red(
            name,
            f"{folder} cannot be written ({error.strerror})",
            f"Give user {os.geteuid()} the right to it, or set {variable} to another folder.",
        )
    left = f"{folder} can be written, {size(usage.free)} of {size(usage.total)} are free"
    if usage.free < _RED_BYTES:
        return red(name, f"{left}: the disk is nearly full", "Make room on it now.")
    if usage.free < _AMBER_BYTES:
        return amber(name, left, "Make room on it soon.")
    return green(name, left)
