"""Embed a collection again with another model: a new epoch beside the old one, then one switch."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import numpy as np

from app.domain import EmbeddingModel, Generation, ModelMismatchError, StoreUnavailableError, Vectors
from app.stores.index import locks
from app.stores.index.creation import staged_epoch
from app.stores.index.database import connect, explained
from app.stores.index.durable import Step, unobserved
from app.stores.index.layout import (
    DATABASE,
    CollectionFolder,
    indexes_root,
    refuse_during_restore,
)
from app.stores.index.records import last_passage, read_state, vector_bytes
from app.stores.index.schema import create

Embed: TypeAlias = Callable[[Sequence[str]], Vectors]
"""Texts to one vector each."""

_BATCH = 64

_COPY = (
    # Deletes first: an id may have been given again.
    """DELETE FROM documents WHERE first_passage IN
        (SELECT first_passage FROM old.tombstones WHERE sequence > :since)""",
    "DELETE FROM passages WHERE document NOT IN (SELECT sequence FROM documents)",
    "INSERT INTO tombstones SELECT * FROM old.tombstones WHERE sequence > :since",
    "INSERT INTO documents SELECT * FROM old.documents WHERE sequence > :since",
    "INSERT INTO passages SELECT * FROM old.passages WHERE id > :last",
    "DELETE FROM state",
    "INSERT INTO state SELECT * FROM old.state",
    # Ids must not come back after a rebuild either: tombstones name them.
    "DELETE FROM sqlite_sequence",
    "INSERT INTO sqlite_sequence SELECT * FROM old.sqlite_sequence",
)


def rebuild(
    data_dir: Path, collection: str, model: EmbeddingModel, embed: Embed, *, step: Step = unobserved
) -> Generation:
    """Give the collection an epoch whose vectors are made by `embed`, and switch to it.

    Others go on reading and writing; writers wait only while what they added meanwhile is embedded. A
    service set to the old model answers ModelMismatchError afterwards. The old epoch stays on disk.
    Raises StoreUnavailableError, after which the old epoch is in use as before.
    """
    folder = CollectionFolder(indexes_root(data_dir), collection)
    refuse_during_restore(data_dir)
    if folder.read_pointer() is None:
        raise StoreUnavailableError(f"There is no collection {collection}.", "Look at its name.")
    try:
        with explained(folder.folder), locks.exclusive(folder.folder / ".rebuild", seconds=0):
            return _rebuild(data_dir, folder, model, embed, step)
    except locks.LockBusyError as error:
        raise StoreUnavailableError(
            f"The collection {collection} is being rebuilt by another process.", "Wait for it."
        ) from error


def _rebuild(
    data_dir: Path, collection: CollectionFolder, model: EmbeddingModel, embed: Embed, step: Step
) -> Generation:
    old = collection.read_pointer() or ""
    with staged_epoch(collection, step=step) as (epoch, staging):
        create(staging / DATABASE, model)
        _follow(collection.database(old), staging / DATABASE, model, embed)
    with collection.exclusive_lock():
        refuse_during_restore(data_dir)
        if collection.read_pointer() != old:
            raise StoreUnavailableError(
                f"The collection {collection.name} was restored during the rebuild.", "Rebuild it again."
            )
        sequence = _follow(collection.database(old), collection.database(epoch), model, embed)
        collection.write_pointer(epoch, step=step)
    return Generation(epoch, sequence)


def _follow(old: Path, new: Path, model: EmbeddingModel, embed: Embed) -> int:
    """Bring `new` up to `old`, all or nothing; return the sequence that it is at."""
    with closing(connect(f"{new.absolute().as_uri()}?mode=rw")) as connection:
        connection.execute("ATTACH ? AS old", (f"{old.absolute().as_uri()}?mode=ro",))
        connection.execute("BEGIN IMMEDIATE")
        since, last = read_state(connection).sequence, last_passage(connection)
        for statement in _COPY:
            connection.execute(statement, {"since": since, "last": last})
        _embed_after(connection, last, model, embed)
        sequence = read_state(connection).sequence
        connection.execute("COMMIT")
        return sequence


def _embed_after(connection: sqlite3.Connection, last: int, model: EmbeddingModel, embed: Embed) -> None:
    while rows := connection.execute(
        "SELECT p.id, d.text, p.start, p.end FROM passages p JOIN documents d ON d.sequence = p.document"
        " WHERE p.id > ? ORDER BY p.id LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        vectors = np.asarray(embed([text[start:end] for _, text, start, end in rows]), np.float32)
        if vectors.shape != (len(rows), model.dimension) or not np.isfinite(vectors).all():
            raise ModelMismatchError(
                f"{model.name} gave vectors of shape {vectors.shape} for {len(rows)} texts, "
                f"or numbers that are not finite; {model.dimension} numbers each were expected.",
                "Look at the embedding model and its settings.",
            )
        for (passage_id, *_), vector in zip(rows, vectors, strict=True):
            connection.execute(
                "UPDATE passages SET vector = ? WHERE id = ?", (vector_bytes(vector), passage_id)
            )
        last = rows[-1][0]
