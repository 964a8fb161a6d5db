"""Epochs: made once, switched under a running service by a restore or a rebuild, at any death whole."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Event

import pytest

from app.domain import DocumentRefusedError, ModelMismatchError, StoreUnavailableError
from app.stores.index.creation import create_if_missing
from app.stores.index.epoch import Epoch
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import DATABASE, restore_marker
from app.stores.index.view import IndexView
from tests.app.stores.index.examples import (
    MODEL,
    WIDER,
    PowerCutError,
    as_json,
    cut_at,
    docs_folder,
    epoch_folder,
    open_docs,
    random_document,
    towards,
)


def restore(data: Path) -> str:
    """Put a copy of the documents in a new epoch, as a restore does; return its name."""
    folder = docs_folder(data)
    epoch = folder.new_epoch()
    with folder.exclusive_lock():
        folder.epoch_folder(epoch).mkdir()
        with (
            closing(sqlite3.connect(epoch_folder(data) / DATABASE)) as old,
            closing(sqlite3.connect(folder.database(epoch))) as new,
        ):
            old.backup(new)
        folder.write_pointer(epoch)
    return epoch


def test_follows_the_pointer(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """A running store reads and writes the new epoch from its next call on; the old one stays as it was."""
    old = epoch_folder(tmp_path)
    before = as_json(index.search(towards(0), limit=9))
    epoch = restore(tmp_path)
    assert as_json(index.search(towards(0), limit=9)) == before
    assert index.add([random_document("d")]).epoch == epoch
    assert [kept.id for kept in index.list()] == ["a", "c", "d"]
    with closing(sqlite3.connect(old / DATABASE)) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (2,)


def test_loses_nothing_acknowledged_while_epochs_change(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """Documents added while restores of the present state switch epochs under it are all there."""
    done = Event()

    def write() -> list[str]:
        acknowledged: list[str] = []
        while not done.is_set():
            name = f"w{len(acknowledged)}"
            index.add([random_document(name)])
            assert index.search(towards(0), limit=1)
            acknowledged.append(name)
        return acknowledged

    def look() -> None:
        while not done.is_set():
            assert index.search(towards(0), limit=1)

    with ThreadPoolExecutor(3) as threads:
        lookers = [threads.submit(look) for _ in range(2)]
        writer = threads.submit(write)
        try:
            epochs = [restore(tmp_path) for _ in range(8)]
        finally:
            done.set()
    for looker in lookers:
        looker.result()
    kept = {one.id for one in index.list(limit=100_000)}
    assert set(writer.result()) <= kept
    assert index.generation().epoch == epochs[-1]


def test_a_merge_meets_a_restore(tmp_path: Path) -> None:
    """A merge that ends after the epoch was changed lists nothing, and the new epoch is merged for itself."""
    opened = open_docs(tmp_path, merge_at=3)
    opened.add([random_document("a")])
    old = epoch_folder(tmp_path)

    def step(name: str) -> None:
        if name == "renamed":
            restore(tmp_path)

    assert not opened.maybe_merge(step=step)
    with closing(sqlite3.connect(old / DATABASE)) as connection:
        assert connection.execute("SELECT * FROM base").fetchall() == []
    assert opened.maybe_merge()
    assert len(opened.search(towards(0), limit=9)) == 3
    opened.close()


def test_others_move_up_when_a_hit_is_deleted(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """A search that meets a delete half-way answers as after the delete, with as many hits."""

    class Interrupted(Epoch):
        def view(self) -> IndexView:
            view = super().view()
            if index.describe().documents == 2:
                index.delete("a")
            return view

    epoch = Interrupted(epoch_folder(tmp_path))
    assert [hit.document_id for hit in epoch.search(towards(0), 3)] == ["c"] * 3
    epoch.close()


def test_takes_no_writes_during_a_restore(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """While the marker is there writes are refused with a remedy; searches and reads go on."""
    restore_marker(tmp_path).write_text("{}")
    with pytest.raises(StoreUnavailableError, match="restore is under way") as caught:
        index.add([random_document("d")])
    assert "synapse" in caught.value.hint
    with pytest.raises(StoreUnavailableError, match="restore is under way"):
        index.delete("a")
    with pytest.raises(StoreUnavailableError, match="restore is under way"):
        FaissDocumentIndex.open(tmp_path, "other", MODEL)
    assert index.search(towards(0), limit=1)
    restore_marker(tmp_path).unlink()
    index.add([random_document("d")])


def test_refuses_another_model(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """Opening with another model says which one the collection has and how to go on."""
    with pytest.raises(ModelMismatchError, match="made-up") as caught:
        FaissDocumentIndex.open(tmp_path, "docs", WIDER)
    assert "Set the embedding model back" in caught.value.hint


def test_refuses_a_closed_or_lost_collection(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """A closed index and one without its pointer or folder say so; nothing is made in their place."""
    (docs_folder(tmp_path).folder / "current").rename(tmp_path / "pointer")
    with pytest.raises(StoreUnavailableError, match="lost its pointer"):
        index.list()
    with pytest.raises(StoreUnavailableError, match="no pointer says"):
        open_docs(tmp_path)
    (tmp_path / "pointer").rename(docs_folder(tmp_path).folder / "current")
    assert index.list()
    epoch = restore(tmp_path)
    shutil.rmtree(docs_folder(tmp_path).epoch_folder(epoch))
    with pytest.raises(StoreUnavailableError, match=epoch):
        index.list()
    index.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        index.list()


@pytest.mark.parametrize("cut", range(7))
def test_a_creation_may_die_anywhere(tmp_path: Path, cut: int) -> None:
    """Whatever step the making of a collection dies after, the next start makes or uses a whole one."""
    with suppress(PowerCutError):
        create_if_missing(tmp_path, docs_folder(tmp_path), MODEL, step=cut_at(cut))
    opened = open_docs(tmp_path)
    opened.add([random_document("a")])
    with pytest.raises(DocumentRefusedError):
        opened.add([random_document("a")])
    opened.close()
