"""Fold the tail into a new base: by one process at a time, and after each step one whole base is listed."""

from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from app.domain import Vectors
from app.stores.index import locks
from app.stores.index.base import BaseRow, base_file, base_files, blake3_of, write_base_row, write_index
from app.stores.index.database import explained
from app.stores.index.durable import Step, sync, unobserved
from app.stores.index.epoch import Epoch
from app.stores.index.layout import CollectionFolder
from app.stores.index.records import last_passage, read_state, read_vectors


def merge(epoch: Epoch, collection: CollectionFolder, *, merge_at: int, step: Step = unobserved) -> bool:
    """Write a new base when one is wanted; False when it is not, or somebody else is at it.

    Raises StoreUnavailableError: the disk is full, or the collection is being restored.
    """
    if not epoch.wants_merge(merge_at):
        return False
    with explained(epoch.folder):
        try:
            with locks.exclusive(epoch.folder / ".merge", seconds=0):
                # Asked again: whoever held the lock before may have done it.
                return epoch.wants_merge(merge_at) and _merge(epoch, collection, step)
        except locks.LockBusyError:
            return False


def _merge(epoch: Epoch, collection: CollectionFolder, step: Step) -> bool:
    row = _write(epoch, step)
    with collection.shared_lock():
        if collection.read_pointer() != epoch.name:
            return False
        with epoch.database.writing() as connection:
            write_base_row(connection, row)
    step("listed")
    _sweep(epoch.folder, row.file)
    step("swept")
    epoch.view()
    return True


def _write(epoch: Epoch, step: Step) -> BaseRow:
    with epoch.database.reading() as connection:
        state, last = read_state(connection), last_passage(connection)
        ids = np.empty(state.passages, np.int64)
        rows = np.empty((state.passages, epoch.model.dimension), np.float32)
        for at, (passage_id, vector) in enumerate(read_vectors(connection)):
            ids[at], rows[at] = passage_id, vector
    path = epoch.folder / base_file(state.sequence)
    return BaseRow(state.sequence, last, path.name, _place(path, ids, rows, step))


def _place(path: Path, ids: NDArray[np.int64], rows: Vectors, step: Step) -> str:
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        write_index(beside, ids, rows)
        step("written beside")
        sync(beside)
        written = blake3_of(beside)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    step("renamed")
    sync(path.parent)
    step("synced")
    return written


def _sweep(folder: Path, keep: str) -> None:
    """Remove all other index files; processes that have one mapped keep it until they let go."""
    for path in base_files(folder):
        if path.name != keep:
            path.unlink(missing_ok=True)
