"""Files of a folder as earlier backups have them, so that what was not written to since is not read again."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from pipelines.ops.capture.faiss_folder import Known
from pipelines.ops.model import FileStamp, RestorePoint
from pipelines.ops.repository import Repository

_LOOKED_AT = 4
"""So many earlier backups are read, at most: somebody may save several folders by turns."""


@dataclass(frozen=True)
class KnownFiles:
    """What the newest backups of a repository have; `host` is this machine's name."""

    repository: Repository
    host: str

    def find(self, path: str, stamp: FileStamp) -> Known | None:
        """Return what is stored of a file, if it has this stamp and all of it is there."""
        known = self._all.get((path, stamp))
        return known if known and self.repository.has_all_of(known.entry) else None

    @cached_property
    def _all(self) -> dict[tuple[str, FileStamp], Known]:
        points = list(islice(self.repository.preceding(self.host), _LOOKED_AT))
        # The newest last, so that it counts.
        return {(one.entry.path, stamp): one for point in reversed(points) for stamp, one in _files(point)}


def _files(point: RestorePoint) -> Iterator[tuple[FileStamp, Known]]:
    if point.faiss is None:
        return
    entries = {entry.path: entry for entry in point.faiss.files}
    for facts in point.faiss.indexes:
        if facts.stamp is not None and facts.path in entries:
            yield facts.stamp, Known(entries[facts.path], facts)
