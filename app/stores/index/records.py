"""The statements that read and write documents; each works in the transaction of the connection it gets."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.domain import Document, NewDocument, Passage, Vector, Vectors
from app.stores.index.checks import id_in_use, not_found

_VECTOR = np.dtype("<f4")
_BLOCK = 2048
_BEYOND_ALL = 2**63 - 1
"""The largest number that SQLite holds."""
_DOCUMENT = "SELECT id, title, text, metadata, sequence, added, passages FROM documents"


@dataclass(frozen=True, slots=True)
class State:
    """The sequence of the last write, and how much there is after it."""

    sequence: int
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where a passage was cut from."""

    document_id: str
    title: str
    start: int
    end: int
    text: str


def read_state(connection: sqlite3.Connection) -> State:
    """Return the counters of the collection."""
    return State(*connection.execute("SELECT sequence, documents, passages FROM state").fetchone())


def insert(connection: sqlite3.Connection, documents: Sequence[NewDocument], added: datetime) -> State:
    """Write documents and count them. Raises DocumentRefusedError on an id in use."""
    state = read_state(connection)
    for sequence, document in enumerate(documents, start=state.sequence + 1):
        if connection.execute("SELECT 1 FROM documents WHERE id = ?", (document.id,)).fetchone():
            raise id_in_use(document.id)
        _insert_one(connection, document, sequence, added)
    return _count(
        connection,
        State(
            state.sequence + len(documents),
            state.documents + len(documents),
            state.passages + sum(len(document.passages) for document in documents),
        ),
    )


def remove(connection: sqlite3.Connection, document_id: str) -> State:
    """Delete a document and leave a tombstone. Raises DocumentNotFoundError."""
    row = connection.execute(
        "SELECT sequence, first_passage, passages FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if row is None:
        raise not_found(document_id)
    document, first, count = row
    state = read_state(connection)
    connection.execute("DELETE FROM passages WHERE id >= ? AND id < ?", (first, first + count))
    connection.execute("DELETE FROM documents WHERE sequence = ?", (document,))
    connection.execute(
        "INSERT INTO tombstones VALUES (?, ?, ?, ?)", (state.sequence + 1, document_id, first, count)
    )
    return _count(connection, State(state.sequence + 1, state.documents - 1, state.passages - count))


def read(connection: sqlite3.Connection, document_id: str) -> Document:
    """Return a document. Raises DocumentNotFoundError."""
    row = connection.execute(f"{_DOCUMENT} WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        raise not_found(document_id)
    return _document(row)


def read_after(connection: sqlite3.Connection, after: int, limit: int) -> list[Document]:
    """Return up to `limit` documents with a sequence above `after`, in that order."""
    rows = connection.execute(
        f"{_DOCUMENT} WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, max(limit, 0))
    )
    return [_document(row) for row in rows]


def read_before(connection: sqlite3.Connection, before: int | None, limit: int) -> list[Document]:
    """Return up to `limit` documents, the last added first; only those below the sequence `before`."""
    rows = connection.execute(
        f"{_DOCUMENT} WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
        (_BEYOND_ALL if before is None else before, max(limit, 0)),
    )
    return [_document(row) for row in rows]


def read_sources(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> Mapping[int, Source]:
    """Return where those passages were cut from; the ones deleted meanwhile are missing."""
    sources = {}
    for passage_id in passage_ids:
        row = connection.execute(
            "SELECT d.id, d.title, p.start, p.end, d.text FROM passages p"
            " JOIN documents d ON d.sequence = p.document WHERE p.id = ?",
            (passage_id,),
        ).fetchone()
        if row is not None:
            document_id, title, start, end, text = row
            # Cut here: SQLite's substr stops at a NUL character.
            sources[passage_id] = Source(document_id, title, start, end, text[start:end])
    return sources


def last_passage(connection: sqlite3.Connection) -> int:
    """Return the highest passage id ever given."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
    return int(row[0]) if row else 0


def read_vectors(connection: sqlite3.Connection, *, after: int = 0) -> Iterator[tuple[int, Vector]]:
    """Go through the ids above `after` and the vectors of the passages, by id."""
    for passage_id, blob in connection.execute(
        "SELECT id, vector FROM passages WHERE id > ? ORDER BY id", (after,)
    ):
        yield passage_id, np.frombuffer(blob, dtype=_VECTOR)


def read_vector_blocks(
    connection: sqlite3.Connection, dimension: int, *, last: int
) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """Go through the ids up to `last` and the vectors, many at a time; all must have `dimension` numbers."""
    cursor = connection.execute("SELECT id, vector FROM passages WHERE id <= ? ORDER BY id", (last,))
    while block := cursor.fetchmany(_BLOCK):
        rows = np.frombuffer(b"".join([vector for _, vector in block]), dtype=_VECTOR)
        yield np.array([passage for passage, _ in block], np.int64), rows.reshape(len(block), dimension)


def sample_vectors(connection: sqlite3.Connection, count: int) -> list[Vector]:
    """Return up to `count` vectors, spread over the passage ids."""
    first, last = connection.execute("SELECT min(id), max(id) FROM passages").fetchone()
    if first is None or count <= 0:
        return []
    found = {}
    for wanted in np.linspace(first, last, count, dtype=np.int64).tolist():
        passage, blob = connection.execute(
            "SELECT id, vector FROM passages WHERE id >= ? ORDER BY id LIMIT 1", (wanted,)
        ).fetchone()
        found[passage] = np.frombuffer(blob, dtype=_VECTOR)
    return list(found.values())


def read_deleted(connection: sqlite3.Connection, *, after: int) -> list[range]:
    """Return the id ranges of the passages deleted by writes above `after`."""
    return [
        range(first, first + count)
        for first, count in connection.execute(
            "SELECT first_passage, passages FROM tombstones WHERE sequence > ?", (after,)
        )
    ]


def vector_bytes(vector: Vector) -> bytes:
    """Return a vector as it is stored: little-endian float32."""
    return np.ascontiguousarray(vector, dtype=_VECTOR).tobytes()


def _insert_one(
    connection: sqlite3.Connection, document: NewDocument, sequence: int, added: datetime
) -> None:
    first = last_passage(connection) + 1
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sequence,
            document.id,
            document.title,
            document.text,
            json.dumps(dict(document.metadata), sort_keys=True),
            added.isoformat(),
            first,
            len(document.passages),
        ),
    )
    connection.executemany(
        "INSERT INTO passages (document, start, end, vector) VALUES (?, ?, ?, ?)",
        (_passage_row(sequence, passage) for passage in document.passages),
    )


def _passage_row(sequence: int, passage: Passage) -> tuple[int, int, int, bytes]:
    return sequence, passage.start, passage.end, vector_bytes(passage.vector)


def _count(connection: sqlite3.Connection, state: State) -> State:
    connection.execute(
        "UPDATE state SET sequence = ?, documents = ?, passages = ?",
        (state.sequence, state.documents, state.passages),
    )
    return state


def _document(row: tuple[str, str, str, str, int, str, int]) -> Document:
    document_id, title, text, metadata, sequence, added, passages = row
    return Document(
        id=document_id,
        title=title,
        text=text,
        metadata=json.loads(metadata),
        sequence=sequence,
        added=datetime.fromisoformat(added),
        passages=passages,
    )
