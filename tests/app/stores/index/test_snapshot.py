"""A plain epoch folder is opened without touching it, answers as the index did, and tells its damages."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.domain import ModelMismatchError, StoreUnavailableError
from app.stores.index.layout import DATABASE
from app.stores.index.snapshot import open_snapshot
from tests.app.stores.index.examples import as_json, epoch_folder, open_docs, random_document, towards


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what tells a change of a folder."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy an epoch folder with a base and a tail, closed well."""
    index = open_docs(tmp_path / "live", merge_at=10)
    index.add([random_document(f"d{number}") for number in range(10)])
    index.maybe_merge()
    index.add([random_document("tail")])
    index.delete("d3")
    (tmp_path / "answer").write_text(as_json(index.search(towards(0), limit=12)))
    index.close()
    copied = shutil.copytree(epoch_folder(tmp_path / "live"), tmp_path / "ep0ch")
    (copied / ".merge").unlink()
    return copied


def test_answers_as_the_index_did(folder: Path) -> None:
    """Facts and hits are those of the index; the folder is not changed by a byte or a name."""
    before = listing(folder)
    with open_snapshot(folder) as snapshot:
        described = snapshot.describe()
        assert (described.generation.epoch, described.generation.sequence) == ("ep0ch", 12)
        assert (described.documents, described.passages, described.model.name) == (10, 30, "made-up")
        assert (described.index_type, described.metric) == ("Flat", "inner_product")
        assert as_json(snapshot.search(towards(0), limit=12)) == (folder.parent / "answer").read_text()
        assert snapshot.base_state == "used"
        assert snapshot.problems() == []
        with pytest.raises(ModelMismatchError):
            snapshot.search(np.ones(5, np.float32), limit=1)
    assert listing(folder) == before


def test_needs_no_index_file(folder: Path) -> None:
    """The documents alone give the same answers; the missing file is told."""
    (folder / "index-10.faiss").unlink()
    with open_snapshot(folder) as snapshot:
        assert as_json(snapshot.search(towards(0), limit=12)) == (folder.parent / "answer").read_text()
        assert snapshot.base_state == "damaged"
        assert len(snapshot.problems()) == 1


def test_samples_stored_vectors(folder: Path) -> None:
    """Samples are stored vectors, spread over the collection, never more than there are."""
    with open_snapshot(folder) as snapshot:
        for vector in snapshot.sample(4):
            assert snapshot.search(vector, limit=1)[0].score == pytest.approx(1)
        assert snapshot.sample(4).shape == (4, 4)
        assert snapshot.sample(100).shape == (30, 4)


def test_reads_a_write_ahead_log(tmp_path: Path) -> None:
    """What is only in the log counts too, and the folder stays as it is."""
    index = open_docs(tmp_path / "live")
    index.add([random_document("a")])
    copied = shutil.copytree(epoch_folder(tmp_path / "live"), tmp_path / "copied")
    (copied / f"{DATABASE}-shm").unlink()
    before = listing(copied)
    with open_snapshot(copied) as snapshot:
        assert snapshot.describe().documents == 1
        assert [hit.document_id for hit in snapshot.search(towards(0), limit=1)] == ["a"]
    assert listing(copied) == before
    index.close()


def test_tells_damages(folder: Path) -> None:
    """Lost rows and odd vectors are told; a file that is no database cannot be opened."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("DELETE FROM passages WHERE id = 1")
        connection.execute("UPDATE passages SET vector = x'00' WHERE id = 2")
        connection.execute("DELETE FROM documents WHERE id = 'tail'")
        connection.commit()
        connection.execute("PRAGMA journal_mode=DELETE")
    with open_snapshot(folder) as snapshot:
        problems = " ".join(snapshot.problems())
    assert "9 documents are there, 10" in problems
    assert "29 passages are there, 30" in problems
    assert "1 vectors" in problems
    (folder / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailableError, match="damaged"):
        open_snapshot(folder)
    shutil.rmtree(folder)
    with pytest.raises(StoreUnavailableError):
        open_snapshot(folder)
