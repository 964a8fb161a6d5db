"""In one go over several points a file that they share is read once, and a damaged one is told for each."""

import pytest

from pipelines.ops.model import RestorePoint
from pipelines.ops.repository import Repository
from pipelines.ops.repository.objects import object_key
from tests.ops.repository.conftest import Publish

FILES = {"same": b"s" * 5000, "first": b"f" * 7000}


def _points(repository: Repository, publish: Publish) -> list[RestorePoint]:
    """Return two points that share a file, each with another beside it."""
    refs = [publish(FILES), publish({"same": FILES["same"], "second": b"2" * 9000}, minutes=5)]
    return [repository.load(ref) for ref in refs]


def _names(point: RestorePoint) -> dict[str, str]:
    assert point.faiss
    return {entry.path: entry.objects[0] for entry in point.faiss.files}


def test_what_points_share_is_read_once(
    repository: Repository, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counts as done for each; without a set of what is right all is read again."""
    points = _points(repository, publish)
    read: list[str] = []
    get = repository.store.get

    def noted(key: str, *, limit: int) -> bytes:
        read.append(key)
        return get(key, limit=limit)

    monkeypatch.setattr(repository.store, "get", noted)
    right: set[bytes] = set()
    done: list[int] = []
    assert [repository.check_bytes(point, done.append, right) for point in points] == [[], []]
    shared = object_key(_names(points[0])["same"])
    assert read.count(shared) == 1
    assert sum(done) == sum(map(len, FILES.values())) + len(FILES["same"]) + 9000
    assert repository.check_bytes(points[1]) == []
    assert read.count(shared) == 2


def test_a_damaged_file_is_told_for_each(repository: Repository, publish: Publish) -> None:
    """The one that is found damaged is not taken for right in the next point."""
    points = _points(repository, publish)
    shared = _names(points[0])["same"]
    repository.store.put(object_key(shared), b"R" + b"x" * 5000, replace=True)
    right: set[bytes] = set()
    for point in points:
        (problem,) = repository.check_bytes(point, right=right)
        assert shared in problem
    assert len(right) == 2


def test_a_file_with_a_wrong_sum_is_told_for_each(repository: Repository, publish: Publish) -> None:
    """Also when an equal list of objects was found right under another sum."""
    point = _points(repository, publish)[0]
    assert point.faiss
    same, first = point.faiss.files
    forged = first.model_copy(update={"sha256": same.sha256})
    wrong = point.model_copy(update={"faiss": point.faiss.model_copy(update={"files": (same, forged)})})
    right: set[bytes] = set()
    assert repository.check_bytes(point, right=right) == []
    for _ in range(2):
        (problem,) = repository.check_bytes(wrong, right=right)
        assert "does not have its size or SHA-256" in problem
