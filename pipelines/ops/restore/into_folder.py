"""Restore into a folder: plain files, an AOF folder that any Redis server of the right version starts on."""

import errno
from pathlib import Path

from app.stores.index.durable import sync
from pipelines.ops.context import Context
from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import fetch
from pipelines.ops.spools import held_folder, remove_dead


def check_folder(folder: Path) -> None:
    """Raise RefusedError unless the folder is new or empty, and may be replaced by a rename."""
    if folder.is_mount():
        raise RefusedError(f"{folder} is where a disk is mounted.", "Name a new folder inside it.")
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise _taken(folder)


def sweep_beside(folder: Path) -> None:
    """Remove what restores into this folder left beside it when they were killed."""
    remove_dead(folder.absolute().parent, _prefix(folder))


def restore_into(work: Context, point: RestorePoint, folder: Path) -> None:
    """Write `redis/appendonlydir/…` and `faiss/…` below a new or empty folder; it appears whole.

    Raises RefusedError when something is there, also when another restore was quicker.
    """
    folder = folder.absolute()
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with held_folder(folder.parent, _prefix(folder)) as held:
            _lay(work, point, held / "whole", folder)
        sync(folder.parent)
    except OSError as error:
        raise OpsError(
            f"{folder} cannot be written ({error.strerror}).", "Name a folder on a disk with room."
        ) from error


def _lay(work: Context, point: RestorePoint, beside: Path, folder: Path) -> None:
    beside.mkdir(mode=0o700)
    if point.redis is not None:
        fetch(work, point.redis, beside / "redis")
    if point.faiss is not None:
        fetch(work, point.faiss, beside / "faiss")
    sync(beside)
    try:
        beside.rename(folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _taken(folder) from error
        raise


def _prefix(folder: Path) -> str:
    return f".{folder.name}.partial-"


def _taken(folder: Path) -> RefusedError:
    return RefusedError(f"{folder} is not an empty folder.", "Name a folder that does not exist yet.")
