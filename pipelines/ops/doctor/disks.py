"""A folder's disk: can it be written, and how much room is left."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red
from pipelines.ops.doctor.container_user import ContainerUser, container_user
from pipelines.ops.doctor.quantities import size

_RED_BYTES = 100_000_000
_AMBER_BYTES = 1_000_000_000
_PROBE_BYTES = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHUT = (errno.EACCES, errno.EPERM)


def writable(name: str, folder: Path, variable: str, subject: Subject) -> Finding:
    """Say whether who writes a folder may, and judge the room that is left.

    That is the user of the containers where the stack runs in them, else who runs the checklist.
    """
    user = container_user(subject)
    try:
        if user and not user.may_write(folder):
            return _shut(name, folder, variable, user)
        _write(folder, user)
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


def _write(folder: Path, user: ContainerUser | None) -> None:
    """Write a file and take it away again; who is not the user of the containers need not be let in."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(os.urandom(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        if user is None or user.uid == os.geteuid() or error.errno not in _SHUT:
            raise


def _shut(name: str, folder: Path, variable: str, user: ContainerUser) -> Finding:
    found = folder.stat()
    whose = f"it belongs to {found.st_uid}:{found.st_gid}, with mode {found.st_mode & 0o7777:o}"
    return red(
        name,
        f"{folder} cannot be written by the containers, whose user is {user}: {whose}",
        f"sudo chown -R {user} {folder}, or set {variable} to another folder.",
    )
