"""Open the SQLite file of an epoch, hand out connections to it, and say in words what SQLite reports."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from app.domain import StoreUnavailableError

_BUSY_SECONDS = 10.0
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class RetiredError(Exception):
    """The database was closed, because another epoch is in use by now."""


class Database:
    """A thread-safe pool of connections to one existing database; each serves one thread at a time."""

    def __init__(self, path: Path, *, options: str = "mode=rw") -> None:
        self._path = path
        self._uri = f"{path.absolute().as_uri()}?{options}"
        self._idle: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a transaction that sees one moment. Raises StoreUnavailableError."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction; it is on disk when this returns, or not at all.

        Raises StoreUnavailableError: the disk is full, or another writer took too long.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def close(self) -> None:
        """Close all connections, those on loan when they come back; safe to call twice."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with explained(self._path), self._lent() as connection:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, a full disk among them.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise RetiredError
            connection = self._idle.pop() if self._idle else None
        connection = connection or connect(self._uri)
        try:
            yield connection
        finally:
            with self._lock:
                keep = not self._closed
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()


def connect(uri: str) -> sqlite3.Connection:
    """Connect in autocommit mode, every commit synced to disk. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite or the system reports about `path` into StoreUnavailableError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(path, error) from error
    except OSError as error:
        raise StoreUnavailableError(
            f"The documents in {path} cannot be reached ({error.strerror or error}).",
            "Free space on that disk if it is full, and see that this user may write there.",
        ) from error


def _explanation(path: Path, error: sqlite3.Error) -> StoreUnavailableError:
    code = getattr(error, "sqlite_errorcode", None)
    if code in _FULL:
        return StoreUnavailableError(
            f"The disk of {path} is full; nothing of this write was kept.",
            "Free space on that disk and send it again.",
        )
    if code in _DAMAGED:
        return StoreUnavailableError(
            f"The documents in {path} are damaged ({error}).",
            "Restore the newest proven restore point: `synapse restore`.",
        )
    if code == sqlite3.SQLITE_BUSY:
        return StoreUnavailableError(
            f"The documents in {path} were locked by another writer for {_BUSY_SECONDS:g} s.", "Try again."
        )
    return StoreUnavailableError(
        f"The documents in {path} cannot be used ({error}).",
        "See that the file is there and that this user may write it, or restore a restore point.",
    )
