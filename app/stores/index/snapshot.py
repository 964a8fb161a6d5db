"""Open a plain epoch folder for reading only, without locks and pointer: for proofs and canaries."""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from app.domain import Hit, Vector, Vectors
from app.stores.index.agreement import disagreements
from app.stores.index.checks import check_query
from app.stores.index.database import Database, explained
from app.stores.index.epoch import BaseState, Epoch
from app.stores.index.layout import DATABASE
from app.stores.index.port import IndexDescription
from app.stores.index.records import read_state, sample_vectors


class IndexSnapshot:
    """A collection as it was; made by `open_snapshot`, to be closed or used in `with`."""

    def __init__(self, epoch: Epoch, copied: tempfile.TemporaryDirectory[str] | None) -> None:
        self._epoch = epoch
        self._copied = copied

    @property
    def base_state(self) -> BaseState:
        """Say whether there is an index file, and whether it is the one that was written."""
        return self._epoch.base_state

    def describe(self) -> IndexDescription:
        """Say what the index is made of; its epoch is the name of the folder."""
        return self._epoch.describe()

    def search(self, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """Return up to `limit` passages, best first, as the running index would have."""
        check_query(vector, self._epoch.model)
        return self._epoch.search(vector, limit)

    def sample(self, count: int) -> Vectors:
        """Return up to `count` stored vectors, spread over the collection: queries for canaries."""
        with self._epoch.database.reading() as connection:
            rows = sample_vectors(connection, count)
        return np.stack(rows) if rows else np.empty((0, self._epoch.model.dimension), np.float32)

    def problems(self) -> Sequence[str]:
        """Read the whole database and the index file and compare them; return what is wrong, in words."""
        dimension = self._epoch.model.dimension
        with self._epoch.database.reading() as connection:
            found = [*_damages(connection), *_miscounts(connection, dimension)]
        if not found and (base := self._epoch.view().base):
            with self._epoch.database.reading() as connection:
                found += disagreements(connection, base)
        if self.base_state == "damaged":
            found.append("the index file is missing or is not the one that was written; it can be rebuilt")
        return found

    def close(self) -> None:
        """Close the files; safe to call twice."""
        self._epoch.close()
        if self._copied is not None:
            self._copied.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_snapshot(folder: Path) -> IndexSnapshot:
    """Open an epoch folder that nobody writes to; nothing is written to it, not even beside the database.

    Raises StoreUnavailableError when it cannot be read.
    """
    with explained(folder):
        copied = _copied_with_log(folder)
        database = Path(copied.name) / DATABASE if copied else folder / DATABASE
        try:
            epoch = Epoch(folder, Database(database, options="mode=rw" if copied else "mode=ro&immutable=1"))
        except BaseException:
            if copied is not None:
                copied.cleanup()
            raise
    return IndexSnapshot(epoch, copied)


def _copied_with_log(folder: Path) -> tempfile.TemporaryDirectory[str] | None:
    """Copy the database away when it has a write-ahead log: SQLite writes to read one."""
    log = folder / f"{DATABASE}-wal"
    if not log.exists() or log.stat().st_size == 0:
        return None
    copied = tempfile.TemporaryDirectory(prefix="synapse-snapshot-")
    for path in (folder / DATABASE, log):
        shutil.copyfile(path, Path(copied.name) / path.name)
    return copied


def _damages(connection: sqlite3.Connection) -> list[str]:
    try:
        rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as error:
        return [f"the database cannot be read through: {error}"]
    return [f"the database is damaged: {row}" for row in rows if row != "ok"]


def _miscounts(connection: sqlite3.Connection, dimension: int) -> list[str]:
    state = read_state(connection)
    documents, passages, odd, listed = connection.execute(
        "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages),"
        " (SELECT count(*) FROM passages WHERE length(vector) <> ?),"
        " (SELECT coalesce(sum(passages), 0) FROM documents)",
        (4 * dimension,),
    ).fetchone()
    found = []
    if documents != state.documents:
        found.append(f"{documents} documents are there, {state.documents} were counted")
    if not passages == state.passages == listed:
        found.append(f"{passages} passages are there, {state.passages} were counted")
    if odd:
        found.append(f"{odd} vectors do not have {dimension} numbers")
    return found
