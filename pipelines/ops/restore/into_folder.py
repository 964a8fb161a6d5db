"""Restore into a folder: plain files, an AOF folder that any Redis server of the right version starts on."""

import shutil
from pathlib import Path

from pipelines.ops.context import Context
from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.model import RestorePoint
from pipelines.ops.proof.proving import fetch


def restore_into(work: Context, point: RestorePoint, folder: Path) -> None:
    """Write `redis/appendonlydir/…` and `faiss/…` below a new or empty folder; it appears whole.

    Raises RefusedError when something is there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is not empty.", "Name a folder that does not exist yet.")
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        if point.redis is not None:
            fetch(work, point.redis, partial / "redis")
        if point.faiss is not None:
            fetch(work, point.faiss, partial / "faiss")
        partial.replace(folder)
    except OSError as error:
        raise OpsError(
            f"{folder} cannot be written ({error.strerror}).", "Name a folder on a disk with room."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
