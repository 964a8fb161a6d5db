"""Backups of one file that changes a little, each stored beside the one before."""

import io
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from pipelines.ops.model import FaissSource, FileEntry, RestorePoint, format_of
from pipelines.ops.repository import PointRef, Repository
from pipelines.ops.repository.checking import check_bytes, check_present
from pipelines.ops.repository.storing import Figures
from tests.ops.repository.conftest import NOON

RECORDS = 60_000
"""Of 100 bytes each: some chunks."""


def records(seed: int, count: int = RECORDS) -> list[bytes]:
    """Return lines that compress a little."""
    random = Random(seed)
    return [b"%08d " % number + random.randbytes(45).hex().encode() + b"\n" for number in range(count)]


def changed(lines: list[bytes], seed: int, share: float = 0.01) -> list[bytes]:
    """Return them with so many replaced by others."""
    random = Random(seed)
    fresh = records(1000 + seed, len(lines))
    chosen = set(random.sample(range(len(lines)), int(share * len(lines))))
    return [fresh[number] if number in chosen else line for number, line in enumerate(lines)]


@dataclass
class Chain:
    """Backups of one file, each stored beside the one before."""

    repository: Repository
    contents: dict[PointRef, bytes] = field(default_factory=dict)
    last: RestorePoint | None = None

    def add(self, data: bytes) -> tuple[FileEntry, Figures]:
        """Take one more."""
        before = {entry.path: entry for entry in self.files}
        done = self.repository.store_files([("file", io.BytesIO(data))], before=before)
        now = NOON + timedelta(minutes=len(self.contents))
        self.last = RestorePoint(
            format=format_of(done.files),
            host="here",
            software={},
            started=now,
            finished=now,
            faiss=FaissSource(way="folder", files=done.files),
        )
        self.contents[self.repository.publish(self.last)] = data
        return done.files[0], done.figures

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files of the last one."""
        return self.last.faiss.files if self.last and self.last.faiss else ()

    def check(self) -> None:
        """Every point gives its bytes, and no check finds anything."""
        for ref, data in self.contents.items():
            point = self.repository.load(ref)
            assert check_present(self.repository.store, point) == []
            assert check_bytes(self.repository.store, point) == []
            assert restored(self.repository, point) == data


def restored(repository: Repository, point: RestorePoint) -> bytes:
    """Return the bytes of the only file."""
    assert point.faiss is not None
    with tempfile.TemporaryDirectory() as folder:
        repository.restore_files(point.faiss.files, Path(folder) / "out")
        return (Path(folder) / "out" / "file").read_bytes()
