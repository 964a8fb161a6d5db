"""The index file is derived: whatever happens to it, answers stay right and it is written anew."""

import time
from pathlib import Path

import pytest

from app.stores.index import locks
from tests.app.stores.index.examples import (
    PowerCutError,
    as_json,
    cut_at,
    epoch_folder,
    open_docs,
    random_document,
    towards,
)


def merged(data: Path, documents: int = 30) -> str:
    """Fill the collection, write a base, and return what a search answers."""
    index = open_docs(data, merge_at=50)
    index.add([random_document(f"d{number}") for number in range(documents)])
    assert index.maybe_merge()
    answer = as_json(index.search(towards(0), limit=40))
    index.close()
    return answer


def base_of(data: Path) -> Path:
    """Return the only index file."""
    (base,) = epoch_folder(data).glob("*.faiss")
    return base


def flip(path: Path) -> None:
    """Turn one bit of a vector."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "flipped": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "emptied": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_base_is_written_anew(tmp_path: Path, damage: object) -> None:
    """A base that is not the one that was written is never used; opening the collection repairs it."""
    answer = merged(tmp_path)
    path = base_of(tmp_path)
    whole = path.read_bytes()
    assert callable(damage)
    damage(path)
    index = open_docs(tmp_path, merge_at=50)
    assert as_json(index.search(towards(0), limit=40)) == answer
    assert index.maybe_merge()
    assert as_json(index.search(towards(0), limit=40)) == answer
    index.close()
    assert path.read_bytes() == whole


def test_base_and_tail_answer_alike(tmp_path: Path) -> None:
    """An answer does not depend on what is in the base, in the tail, or deleted from either."""
    tail, base = tmp_path / "tail", tmp_path / "base"
    answers = []
    for data, merge_at in ((tail, 100_000), (base, 20)):
        index = open_docs(data, merge_at=merge_at)
        for number in range(40):
            index.add([random_document(f"d{number}", 4)])
        index.maybe_merge()
        for number in range(0, 40, 5):
            index.delete(f"d{number}")
        index.add([random_document("last")])
        answers.append([as_json(index.search(towards(axis), limit=25)) for axis in range(4)])
        index.close()
    assert answers[0] == answers[1]
    assert list(epoch_folder(tail).glob("*.faiss")) == []
    assert base_of(base).name == "index-40.faiss"


def test_everything_may_be_deleted(tmp_path: Path) -> None:
    """Before a merge or after it: an index file of nothing finds nothing, and adding goes on."""
    index = open_docs(tmp_path, merge_at=3)
    for name in ("a", "b"):
        index.add([random_document(name)])
        assert len(index.search(towards(0), limit=5)) == 3
        index.delete(name)
        assert index.maybe_merge()
        assert index.search(towards(0), limit=5) == []
        index.add([random_document("kept")])
        assert index.maybe_merge()
        index.delete("kept")
        assert index.search(towards(0), limit=5) == []
    index.close()


def test_one_of_several_merges(tmp_path: Path) -> None:
    """While somebody merges nobody else does, and afterwards nobody needs to."""
    index, other = open_docs(tmp_path, merge_at=50), open_docs(tmp_path, merge_at=50)
    index.add([random_document(f"d{number}") for number in range(30)])
    with locks.exclusive(epoch_folder(tmp_path) / ".merge", seconds=0):
        assert not index.maybe_merge()
        before = as_json(other.search(towards(0), limit=9))
    assert [index.maybe_merge(), other.maybe_merge()] == [True, False]
    assert as_json(other.search(towards(0), limit=9)) == before
    index.close()
    other.close()


def test_a_long_tail_is_merged_behind(tmp_path: Path) -> None:
    """The index file appears without anybody asking for it."""
    index = open_docs(tmp_path, merge_at=50, merge_behind=True)
    index.add([random_document(f"d{number}") for number in range(30)])
    deadline = time.monotonic() + 20
    while index._read(lambda epoch: epoch.base_state) != "used":
        assert time.monotonic() < deadline
    index.close()
    assert base_of(tmp_path).name == "index-30.faiss"


STEPS = ("written beside", "renamed", "synced", "listed", "swept")


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_merge_may_die_anywhere(tmp_path: Path, step: int) -> None:
    """Whatever step a merge dies after, answers are the same, and the next merge leaves one whole file."""
    merged(tmp_path)
    index = open_docs(tmp_path, merge_at=50)
    index.add([random_document(f"e{number}") for number in range(30)])
    answer = as_json(index.search(towards(0), limit=40))
    with pytest.raises(PowerCutError, match=STEPS[step]):
        index.maybe_merge(step=cut_at(step))
    index.close()
    index = open_docs(tmp_path, merge_at=50)
    assert as_json(index.search(towards(0), limit=40)) == answer
    index.maybe_merge()
    index.add([random_document(f"f{number}") for number in range(30)])
    assert index.maybe_merge()
    index.close()
    left = [path.name for path in epoch_folder(tmp_path).iterdir() if "index" in path.name]
    assert left == ["index-90.faiss"]
