"""Put a captured collection on disk as a new epoch, switch to it, and take epochs away."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import StoreUnavailableError
from app.stores.index.base import base_files
from app.stores.index.durable import Step, sync, unobserved
from app.stores.index.layout import DATABASE, CollectionFolder
from pipelines.ops.errors import DamagedError, OpsError, RefusedError, UnreachableError

_STAGED = ".laid-"
_GONE = ".gone-"
_MODE = 0o644
"""As the service itself makes them: the spool of a restore lets nobody else read."""


def lay_collection(
    captured: Path, collection: CollectionFolder, epoch: str, *, step: Step = unobserved
) -> None:
    """Make `epoch` of the collection from captured files, which move; whole and on disk, the pointer stays.

    A switch makes it the one in use. As root, the new files belong to whom the data folder belongs to.
    Raises DamagedError when there is no database, OpsError when the disk is full.
    """
    if not (captured / DATABASE).is_file():
        raise DamagedError(f"{captured} holds no {DATABASE}.", "Use another restore point.")
    staged = collection.folder / f"{_STAGED}{epoch}"
    with _explained(collection):
        collection.root.mkdir(parents=True, exist_ok=True)
        collection.folder.mkdir(exist_ok=True)
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        for path in [captured / DATABASE, *base_files(captured)]:
            _move(path, staged / path.name)
            sync(staged / path.name)
        _give_to_owner(collection, staged)
        sync(staged)
        step("staged")
        staged.rename(collection.epoch_folder(epoch))
        sync(collection.folder)
        sync(collection.root)
        step("laid")


def switch(
    collection: CollectionFolder, epoch: str | None, *, timeout: float = 30.0, step: Step = unobserved
) -> str | None:
    """Make `epoch` the one in use (None: no collection) and return the one before it.

    Waits up to `timeout` seconds for writers. A caller that holds the exclusive lock already uses `point_to`.
    Raises UnreachableError, OpsError.
    """
    try:
        with collection.exclusive_lock(timeout):
            return point_to(collection, epoch, step=step)
    except StoreUnavailableError as error:
        raise UnreachableError(error.what, error.hint) from error


def point_to(collection: CollectionFolder, epoch: str | None, *, step: Step = unobserved) -> str | None:
    """As `switch`, for who holds the exclusive lock."""
    with _explained(collection):
        before = collection.read_pointer()
        if epoch is None:
            (collection.folder / "current").unlink(missing_ok=True)
            sync(collection.folder)
        else:
            if not collection.database(epoch).is_file():
                raise RefusedError(
                    f"The collection {collection.name} has no epoch {epoch}.", "Restore the point again."
                )
            collection.write_pointer(epoch, step=step)
        return before


def remove_epoch(collection: CollectionFolder, epoch: str) -> None:
    """Remove an epoch that is not in use; nothing happens when it is gone already.

    Raises RefusedError when it is in use, UnreachableError when somebody holds the collection alone.
    """
    for left in (collection.folder / f"{_STAGED}{epoch}", collection.folder / f"{_GONE}{epoch}"):
        shutil.rmtree(left, ignore_errors=True)
    folder = collection.epoch_folder(epoch)
    if not collection.folder.exists():
        return
    try:
        with collection.shared_lock(), _explained(collection):
            collection.remove_unfinished()
            if not folder.exists():
                return
            if collection.read_pointer() == epoch:
                raise RefusedError(
                    f"The epoch {epoch} of the collection {collection.name} is in use.",
                    "Switch to another one first.",
                )
            # Renamed first, so that a half removed one is never taken for an epoch.
            gone = folder.rename(collection.folder / f"{_GONE}{epoch}")
            shutil.rmtree(gone)
    except StoreUnavailableError as error:
        raise UnreachableError(error.what, error.hint) from error


def _move(source: Path, target: Path) -> None:
    """Rename where both lie on one disk, else copy."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)
    target.chmod(_MODE)


def _give_to_owner(collection: CollectionFolder, staged: Path) -> None:
    if os.geteuid() != 0:
        return
    owner = collection.root.stat()
    for path in (collection.folder, staged, *staged.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _explained(collection: CollectionFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OpsError(
            f"The collection {collection.name} cannot be written in {collection.folder} ({error.strerror}).",
            "Free space on that disk if it is full, and see that this user may write there.",
        ) from error
