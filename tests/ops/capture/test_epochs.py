"""A captured collection laid as a new epoch: whole before it is used, and the way back stays open."""

from contextlib import closing
from pathlib import Path

import pytest

from app.stores.index.layout import indexes_root
from pipelines.ops.capture.documents import capture_collections
from pipelines.ops.capture.epochs import lay_collection, remove_epoch, switch
from pipelines.ops.errors import DamagedError, RefusedError, UnreachableError
from tests.ops.capture.examples import docs_folder, document, documents, open_docs


@pytest.fixture
def captured(tmp_path: Path) -> Path:
    """Capture a collection of 20 documents; 5 more come after."""
    with closing(open_docs(tmp_path, merge_at=10)) as docs:
        docs.add(documents("a", 20))
        docs.maybe_merge()
        assert capture_collections(indexes_root(tmp_path), tmp_path / "spool")
        docs.add(documents("late", 5))
    return tmp_path / "spool" / "docs"


def test_running_service_goes_over(tmp_path: Path, captured: Path) -> None:
    """A service that has the collection open reads and writes the restored epoch after the switch."""
    folder = docs_folder(tmp_path)
    with closing(open_docs(tmp_path)) as docs:
        old = docs.generation().epoch
        lay_collection(captured, folder, "new")
        assert docs.describe().documents == 25
        assert switch(folder, "new") == old
        assert docs.describe().documents == 20
        assert docs.generation().epoch == "new"
        docs.add([document("after")])
        assert docs.search(document("after").passages[0].vector, limit=1)[0].document_id == "after"


def test_roll_back(tmp_path: Path, captured: Path) -> None:
    """Switching back brings the old documents back, and the laid epoch can be removed."""
    folder = docs_folder(tmp_path)
    lay_collection(captured, folder, "new")
    old = switch(folder, "new")
    assert switch(folder, old) == "new"
    remove_epoch(folder, "new")
    remove_epoch(folder, "new")
    assert folder.epochs() == [old]
    with closing(open_docs(tmp_path)) as docs:
        assert docs.describe().documents == 25


def test_empty_machine(tmp_path: Path, captured: Path) -> None:
    """A collection is laid where there was none, and rolled back to none."""
    folder = docs_folder(tmp_path / "fresh")
    lay_collection(captured, folder, "new")
    assert switch(folder, "new") is None
    with closing(open_docs(tmp_path / "fresh")) as docs:
        assert docs.describe().documents == 20
    assert switch(folder, None) == "new"
    assert folder.read_pointer() is None


def test_death_while_laying(tmp_path: Path, captured: Path) -> None:
    """What is left of a laying that died is no epoch, and the next one succeeds."""

    def die(_step: str) -> None:
        raise KeyboardInterrupt

    folder = docs_folder(tmp_path)
    before = folder.epochs()
    with pytest.raises(KeyboardInterrupt):
        lay_collection(captured, folder, "new", step=die)
    assert folder.epochs() == before
    assert capture_collections(indexes_root(tmp_path), tmp_path / "again")
    lay_collection(tmp_path / "again" / "docs", folder, "new")
    assert "new" in folder.epochs()


def test_epoch_in_use_is_not_removed(tmp_path: Path, captured: Path) -> None:
    """The current epoch is refused."""
    folder = docs_folder(tmp_path)
    with pytest.raises(RefusedError, match="in use"):
        remove_epoch(folder, folder.read_pointer() or "")


def test_switch_to_nothing_laid(tmp_path: Path, captured: Path) -> None:
    """An epoch that is not there is refused and the pointer stays."""
    folder = docs_folder(tmp_path)
    before = folder.read_pointer()
    with pytest.raises(RefusedError, match="no epoch"):
        switch(folder, "missing")
    assert folder.read_pointer() == before


def test_switch_waits_for_nobody_forever(tmp_path: Path, captured: Path) -> None:
    """Somebody who keeps the collection makes the switch fail in time."""
    folder = docs_folder(tmp_path)
    lay_collection(captured, folder, "new")
    with folder.shared_lock(), pytest.raises(UnreachableError):
        switch(folder, "new", timeout=0.05)


def test_no_database(tmp_path: Path) -> None:
    """A folder without documents is no capture."""
    with pytest.raises(DamagedError, match=r"documents\.sqlite3"):
        lay_collection(tmp_path, docs_folder(tmp_path), "new")
