"""Make the first epoch of a collection, so that processes that start together agree on it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import EmbeddingModel, StoreUnavailableError
from app.stores.index.database import Database, explained
from app.stores.index.durable import Step, sync, unobserved
from app.stores.index.layout import DATABASE, CollectionFolder, refuse_during_restore
from app.stores.index.records import read_state
from app.stores.index.schema import create

_STAGING = ".new-"


def create_if_missing(
    data_dir: Path, collection: CollectionFolder, model: EmbeddingModel, *, step: Step = unobserved
) -> None:
    """Make an empty collection when there is none.

    Raises StoreUnavailableError: a restore is under way, the disk is full, or the pointer was lost.
    """
    if collection.read_pointer() is not None:
        return
    refuse_during_restore(data_dir)
    with collection.exclusive_lock(), explained(collection.folder):
        refuse_during_restore(data_dir)
        if collection.read_pointer() is not None:
            return
        _refuse_to_hide_documents(collection)
        with staged_epoch(collection, step=step) as (epoch, folder):
            create(folder / DATABASE, model)
        collection.write_pointer(epoch, step=step)


@contextmanager
def staged_epoch(collection: CollectionFolder, *, step: Step = unobserved) -> Iterator[tuple[str, Path]]:
    """Give a new epoch's name and a folder to fill, which becomes that epoch's when the block ends well.

    What earlier attempts left is removed, so only one process may be in here.
    """
    for left in collection.folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left)
    epoch = collection.new_epoch()
    folder = collection.folder / f"{_STAGING}{epoch}"
    folder.mkdir()
    try:
        yield epoch, folder
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    step("epoch filled")
    sync(folder / DATABASE)
    sync(folder)
    folder.rename(collection.epoch_folder(epoch))
    sync(collection.folder)
    step("epoch placed")


def _refuse_to_hide_documents(collection: CollectionFolder) -> None:
    for epoch in collection.epochs():
        database = Database(collection.database(epoch))
        with database.reading() as connection:
            documents = read_state(connection).documents
        database.close()
        if documents:
            raise StoreUnavailableError(
                f"The collection {collection.name} has {documents} documents in the epoch {epoch}, "
                "but no pointer says that it is in use.",
                f"Write {epoch} into {collection.folder / 'current'} to use it.",
            )
