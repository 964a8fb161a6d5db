"""Folders for one piece of work: gone when it ends, and swept by a later call when its process was killed.

Whoever works in such a folder holds a lock on it, which ends with the process; so a folder that can be
locked is a dead one, whichever data folder it was for.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.ops.errors import OpsError

PREFIX = "synapse-spool-"


@contextmanager
def held_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Make a folder below `root` that is held until the block ends, and then removed. Raises OSError."""
    while True:
        folder = TemporaryDirectory(prefix=prefix, dir=root, ignore_cleanup_errors=True)
        with folder as name:
            try:
                handle = _lock(Path(name))
            except OSError:
                yield Path(name)  # a disk without locks: nothing is swept there
                return
            if handle is None:
                continue  # a sweep took it between the two lines
            try:
                yield Path(name)
            finally:
                os.close(handle)
        return


def remove_dead(root: Path, prefix: str = PREFIX) -> tuple[Path, ...]:
    """Remove the folders below `root` of processes that were killed; return which. Leaves others' alone."""
    return tuple(folder for folder in _folders(root, prefix) if _remove_if_dead(folder))


def unwritten(place: Path, error: OSError) -> OpsError:
    """Say that a capture found no room, or no right, where it is spooled."""
    return OpsError(
        f"The capture cannot be written to {place} ({error.strerror}).",
        "Free space there, or set SYNAPSE_SCRATCH_DIR to a folder with room.",
    )


def _folders(root: Path, prefix: str) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(root) if entry.name.startswith(prefix))
    except OSError:
        return []


def _remove_if_dead(folder: Path) -> bool:
    try:
        handle = _lock(folder)
    except OSError:
        return False
    if handle is None:
        return False
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(handle)


def _lock(folder: Path) -> int | None:
    """Hold a folder; None when another holds it or it is gone. Raises OSError when it cannot be held."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), folder.lstat()):
            return handle
    except BlockingIOError:
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None
