"""What this machine remembers of a repository: its newest restore point, so that its loss is noticed.

Whoever can write to a repository can put it back to an earlier state, with its key or without: nothing in it
would tell. So each machine keeps the newest point that it has seen, in a file beneath its data folder.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.ops.repository import Repository, beneath
from pipelines.ops.repository.named import DocumentName, parse_name
from pipelines.ops.repository.points import FOLDER as POINTS
from pipelines.ops.repository.resolving import AHEAD

FOLDER = ".remembered"


class Seen(BaseModel):
    """A restore point that was there: its id and its time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    time: datetime


class Remembered(BaseModel):
    """The newest point that was seen, and one that was lost with all that were as new."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    newest: Seen | None = None
    lost: Seen | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a machine remembers of one repository.

    Where the data folder is missing, or is not this user's to write, nothing is remembered.
    """

    data_dir: Path
    repository: Repository

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.data_dir / FOLDER / f"{self.repository.config.id}.json"

    def look(self, now: datetime) -> str | None:
        """Remember the newest point; return a sentence when all are older than one that was there before.

        It is returned until that point is there again, or the file of this memory is removed.
        """
        known, there = self._read(), self._points()
        lost = known.lost if known.lost and known.lost.id not in {one.id for one in there} else None
        # What is still to come was written by a wrong clock: nothing could be as new as that.
        newest = _newest([one for one in there if one.time <= now + AHEAD])
        if lost is None and known.newest and (newest is None or newest.time < known.newest.time):
            lost = known.newest
        self._write(known, Remembered(newest=newest, lost=lost))
        return self._said(lost, newest) if lost else None

    def let_go(self, ids: set[str]) -> None:
        """Expect these points no longer: whoever works here is about to forget them."""
        known = self._read()
        newest = known.newest
        if newest and newest.id in ids:
            newest = _newest([one for one in self._points() if one.id not in ids and one.time < newest.time])
        lost = None if known.lost and known.lost.id in ids else known.lost
        self._write(known, Remembered(newest=newest, lost=lost))

    def _points(self) -> list[DocumentName]:
        """Return what the names of the manifests say; none of them is read."""
        names = (parse_name(one.key.removeprefix(POINTS)) for one in self.repository.store.list(POINTS))
        return [name for name in names if name]

    def _said(self, lost: Seen, newest: Seen | None) -> str:
        left = f"its newest is of {newest.time:%Y-%m-%d %H:%M:%S} UTC" if newest else "it has none"
        return (
            f"This machine has seen restore point {lost.id[:12]} of {lost.time:%Y-%m-%d %H:%M:%S} UTC in"
            f" {self.repository.store.place}, which was put back to before that: now {left}. If that was done"
            f" on purpose, remove {self.file}; else take what is missing from a copy."
        )

    def _read(self) -> Remembered:
        with suppress(OSError, ValidationError):
            return Remembered.model_validate_json(self.file.read_bytes())
        return Remembered()

    def _write(self, known: Remembered, found: Remembered) -> None:
        if found == known or not self.data_dir.is_dir():
            return
        with suppress(OSError), beneath.opened_folder(self.data_dir, (FOLDER,), create=True) as folder:
            name = uuid4().hex
            file = beneath.open_new(folder, name)
            try:
                beneath.write_all(file, found.model_dump_json().encode())
                beneath.sync(file)
            finally:
                os.close(file)
            os.rename(name, self.file.name, src_dir_fd=folder, dst_dir_fd=folder)


def _newest(points: list[DocumentName]) -> Seen | None:
    newest = max(points, key=lambda one: one.time, default=None)
    return Seen(id=newest.id, time=newest.time) if newest else None
