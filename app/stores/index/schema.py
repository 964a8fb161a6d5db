"""The tables of `documents.sqlite3`: what is in them, how they are made, how they are recognised."""

import sqlite3
from contextlib import closing
from pathlib import Path

from app.domain import EmbeddingModel, ModelMismatchError, StoreUnavailableError
from app.stores.index.database import connect

VERSION = 1

_TABLES = """
BEGIN;
CREATE TABLE meta (
    version INTEGER NOT NULL, model TEXT NOT NULL, dimension INTEGER NOT NULL, normalised INTEGER NOT NULL
);
-- One row: the sequence of the last write, and what there is after it.
CREATE TABLE state (sequence INTEGER NOT NULL, documents INTEGER NOT NULL, passages INTEGER NOT NULL);
-- The passages of a document are those with ids first_passage to first_passage + passages - 1.
CREATE TABLE documents (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, text TEXT NOT NULL,
    metadata TEXT NOT NULL, added TEXT NOT NULL, first_passage INTEGER NOT NULL, passages INTEGER NOT NULL
);
-- The id is the one in FAISS and is never used again; vector is little-endian float32.
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (sequence),
    start INTEGER NOT NULL, end INTEGER NOT NULL, vector BLOB NOT NULL
);
CREATE TABLE tombstones (
    sequence INTEGER PRIMARY KEY, document_id TEXT NOT NULL,
    first_passage INTEGER NOT NULL, passages INTEGER NOT NULL
);
-- At most one row: the index file that may be used, as of which write, up to which passage.
CREATE TABLE base (
    sequence INTEGER NOT NULL, last_passage INTEGER NOT NULL, file TEXT NOT NULL, blake3 TEXT NOT NULL
);
INSERT INTO state VALUES (0, 0, 0);
"""


def create(path: Path, model: EmbeddingModel) -> None:
    """Make an empty database; nothing else may open it before this returns. Raises sqlite3.Error."""
    with closing(connect(f"{path.absolute().as_uri()}?mode=rwc")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_TABLES)
        write_model(connection, model)
        connection.execute("COMMIT")


def write_model(connection: sqlite3.Connection, model: EmbeddingModel) -> None:
    """Say what the vectors were embedded with."""
    connection.execute("DELETE FROM meta")
    connection.execute(
        "INSERT INTO meta VALUES (?, ?, ?, ?)", (VERSION, model.name, model.dimension, model.normalised)
    )


def read_model(connection: sqlite3.Connection) -> EmbeddingModel:
    """Return what the vectors were embedded with. Raises StoreUnavailableError on another version."""
    version, name, dimension, normalised = connection.execute(
        "SELECT version, model, dimension, normalised FROM meta"
    ).fetchone()
    if version != VERSION:
        raise StoreUnavailableError(
            f"The documents were written in version {version} of their tables; this Synapse reads {VERSION}.",
            "Run the Synapse that wrote them, or one that reads both.",
        )
    return EmbeddingModel(name, dimension, bool(normalised))


def check_model(stored: EmbeddingModel, wanted: EmbeddingModel, collection: str) -> None:
    """Raise ModelMismatchError when the collection was embedded with another model."""
    if stored != wanted:
        raise ModelMismatchError(
            f"The collection {collection} was embedded with {_words(stored)}, not with {_words(wanted)}.",
            "Set the embedding model back, or ingest the documents again into a new collection.",
        )


def _words(model: EmbeddingModel) -> str:
    return f"{model.name} ({model.dimension} numbers, {'' if model.normalised else 'not '}normalised)"
