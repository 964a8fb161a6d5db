"""What the stack owns in the data folder: its lock, held while it is up, and its logs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.ops.errors import OpsError, RefusedError

LOGS = "logs"
"""The folder of the logs below the data folder."""
_LOCK = ".stack.lock"
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


@contextmanager
def held_stack(data_dir: Path) -> Iterator[None]:
    """Hold the right to run servers on this data folder; it ends with the process, however that ends.

    Raises RefusedError while a stack is up on it.
    """
    lock = data_dir / _LOCK
    with _explained(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _refusal(data_dir, os.pread(handle, 32, 0).decode("ascii", "replace").strip()) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def private_folder(folder: Path) -> Path:
    """Make a folder for its owner alone, or make the one that is there so. Raises OpsError."""
    with _explained(folder):
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_FOLDER_MODE)
    return folder


def _refusal(data_dir: Path, process: str) -> RefusedError:
    if not process:
        return RefusedError(
            f"A restore is replacing the files in {data_dir}.", "Wait until it has ended, then start again."
        )
    return RefusedError(
        f"The stack is already up on {data_dir} (process {process}).",
        "Use it, stop it with Ctrl-C where it runs, or set DATA_DIR to another folder.",
    )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OpsError(
            f"{folder} cannot be used for data ({error.strerror}).",
            "Run as the owner of DATA_DIR, make room there, or set DATA_DIR to another folder.",
        ) from error
