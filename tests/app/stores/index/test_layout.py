"""Names cannot climb out of the data folder, locks end their waiting, the pointer appears whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.domain import StoreUnavailableError
from app.stores.index.layout import CollectionFolder, collections
from tests.app.stores.index.examples import PowerCutError, cut_at


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "/a", "../a", "a\n", "a\0", ".a", "current", "ä", "a" * 65]
)
def test_names_cannot_climb(tmp_path: Path, name: str) -> None:
    """Only plain names are taken, for collections and for epochs."""
    with pytest.raises(ValueError, match="is no name"):
        CollectionFolder(tmp_path, name)
    with pytest.raises(ValueError, match="is no name"):
        CollectionFolder(tmp_path, "docs").write_pointer(name)


def test_locks_exclude(tmp_path: Path) -> None:
    """Sharers go together, the exclusive one alone, and who waits too long is told."""
    folder = CollectionFolder(tmp_path, "docs")
    with (
        folder.shared_lock(0),
        folder.shared_lock(0),
        pytest.raises(StoreUnavailableError, match="in use"),
        folder.exclusive_lock(0.02),
    ):
        pass
    with folder.exclusive_lock(0):
        for lock in (folder.shared_lock, folder.exclusive_lock):
            with pytest.raises(StoreUnavailableError, match="in use"), lock(0.02):
                pass
    with folder.shared_lock(0):
        pass


def test_writers_cannot_starve_a_restore(tmp_path: Path) -> None:
    """The exclusive lock is had although sharers come one upon the other."""
    folder = CollectionFolder(tmp_path, "docs")
    done = False

    def share() -> None:
        while not done:
            with folder.shared_lock(20):
                pass

    with ThreadPoolExecutor(4) as threads:
        sharers = [threads.submit(share) for _ in range(4)]
        with folder.exclusive_lock(20):
            done = True
        for sharer in sharers:
            sharer.result()


@pytest.mark.parametrize("step", range(4))
def test_the_pointer_appears_whole(tmp_path: Path, step: int) -> None:
    """Whatever step the switch dies after, the pointer names the old epoch or the new one."""
    folder = CollectionFolder(tmp_path, "docs")
    folder.folder.mkdir()
    folder.write_pointer("old")
    with pytest.raises(PowerCutError):
        folder.write_pointer("new", step=cut_at(step))
    assert folder.read_pointer() == ("old" if step < 2 else "new")
    folder.write_pointer("newer")
    assert folder.read_pointer() == "newer"


def test_tells_an_unreadable_pointer(tmp_path: Path) -> None:
    """A pointer that names nothing sensible is told with what could be written into it."""
    folder = CollectionFolder(tmp_path, "docs")
    folder.epoch_folder("whole").mkdir(parents=True)
    folder.database("whole").touch()
    (folder.folder / "current").write_text("../../etc")
    with pytest.raises(StoreUnavailableError) as caught:
        folder.read_pointer()
    assert "whole" in caught.value.hint


def test_lists_collections(tmp_path: Path) -> None:
    """Only folders with a pointer are collections."""
    (tmp_path / "empty").mkdir()
    for name in ("b", "a"):
        CollectionFolder(tmp_path, name).folder.mkdir()
        CollectionFolder(tmp_path, name).write_pointer("e")
    assert [folder.name for folder in collections(tmp_path)] == ["a", "b"]
    assert collections(tmp_path / "nothing") == []
