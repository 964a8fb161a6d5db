"""Files of two points are compared by source, path, size and SHA-256."""

from datetime import UTC, datetime

from pipelines.ops.model import FaissSource, FileEntry, RestorePoint
from pipelines.ops.repository.differing import Difference, differences

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)


def point(**files: str) -> RestorePoint:
    """Make a point whose files have these letters, repeated, as their sums."""
    entries = tuple(
        FileEntry(path=name, size=len(letters), sha256=letters[:1] * 64, objects=())
        for name, letters in files.items()
    )
    faiss = FaissSource(way="folder", files=entries)
    return RestorePoint(host="h", software={}, started=NOON, finished=NOON, faiss=faiss)


def test_every_kind_of_change() -> None:
    """Sorted by name; what is alike is left out."""
    one = point(same="a", longer="bb", other="c", gone="ddd")
    other = point(same="a", longer="bbb", other="e", new="ffff")
    assert differences(one, other) == [
        Difference("faiss: gone", "removed", 3, None),
        Difference("faiss: longer", "changed", 2, 3),
        Difference("faiss: new", "added", None, 4),
        Difference("faiss: other", "changed", 1, 1),
    ]
    assert differences(one, one) == []
