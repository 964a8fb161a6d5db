"""Where the records of jobs are kept: a file and a lock for each, in a folder of the data."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from app.stores.index.durable import replace_file
from pipelines.ops.errors import OpsError
from pipelines.ops.schedule.record import Record, first_record

FOLDER = "schedule"
_LARGEST = 1 << 20
_NO_LOCK = -1

Note = Callable[..., None]
"""Takes an event and its fields, for the log."""


class _Shape(NamedTuple):
    node: int
    time: int
    size: int


class Shelf:
    """The record of one job. Whoever holds the job may write it; whoever does not may read it at any time.

    A record that cannot be written (the disk is full) is kept in memory until it can.
    """

    def __init__(self, folder: Path, name: str, note: Note) -> None:
        self._path = folder / f"{name}.json"
        self._lock = folder / f"{name}.lock"
        self._name = name
        self._note = note
        self._shape: _Shape | None = None
        self._record: Record | None = None
        self.unwritten = False
        """Whether the newest record is in memory alone."""

    def read(self, now: datetime) -> Record:
        """Return the record as it is now on the disk, or the newer one that could not be written."""
        if self._record is None or (not self.unwritten and self._shape_now() != self._shape):
            self._record = self._read(now)
        return self._record

    def write(self, record: Record) -> None:
        """Keep the record, whole or not at all."""
        self._record = record
        try:
            replace_file(self._path, record.model_dump_json(indent=1).encode() + b"\n")
        except OSError as error:
            if not self.unwritten:
                self._note("what is known of the job cannot be kept", job=self._name, why=error.strerror)
            self.unwritten = True
        else:
            self.unwritten = False
            self._shape = self._shape_now()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the job until the block ends, or this process; False while somebody else does."""
        handle = self.hold()
        try:
            yield handle is not None
        finally:
            self.release(handle)

    def hold(self) -> int | None:
        """Take the job; the handle for `release`, or None while somebody else has it.

        On a disk where no lock can be made, everybody has it: a run too many is better than none.
        """
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return _NO_LOCK
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            return _NO_LOCK
        return handle

    def release(self, handle: int | None) -> None:
        """Give the job back."""
        if handle is not None and handle != _NO_LOCK:
            os.close(handle)

    def sweep(self) -> None:
        """Remove what a killed process left beside the file. For whoever holds the job."""
        for left in self._path.parent.glob(f".{self._path.name}.*"):
            with suppress(OSError):
                left.unlink()

    def _read(self, now: datetime) -> Record:
        shape = self._shape_now()
        self._shape = shape
        if shape is None:
            return first_record(now)
        try:
            with self._path.open("rb") as file:
                return Record.model_validate_json(file.read(_LARGEST))
        except (OSError, ValidationError) as error:
            aside = self._path.with_suffix(".damaged")
            with suppress(OSError):
                self._path.replace(aside)
            why = error.strerror if isinstance(error, OSError) else "it is damaged"
            self._note(
                "what was known of the job cannot be read", job=self._name, why=why, kept_as=str(aside)
            )
            self._shape = self._shape_now()
            # A run too many is better than one too few.
            return first_record(now, owed=True)

    def _shape_now(self) -> _Shape | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return _Shape(found.st_ino, found.st_mtime_ns, found.st_size)


def shelves(data_dir: Path, names: tuple[str, ...], note: Note) -> dict[str, Shelf]:
    """Make the folder and every lock. Raises OpsError."""
    folder = data_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Made now, so that a full disk is no hindrance later.
        for name in names:
            (folder / f"{name}.lock").touch(mode=0o600)
    except OSError as error:
        raise OpsError(
            f"{folder} cannot be written ({error.strerror}).", "Run as the owner of DATA_DIR, or change it."
        ) from error
    made = {name: Shelf(folder, name, note) for name in names}
    for shelf in made.values():
        with shelf.held() as mine:
            if mine:
                shelf.sweep()
    return made
