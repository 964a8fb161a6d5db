"""Captures of collections in use: of one moment, complete, and proven by asking again."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from app.stores.index.base import base_files
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import indexes_root
from app.stores.index.port import IndexDescription
from app.stores.index.snapshot import open_snapshot
from pipelines.ops.capture.documents import CapturedFaiss, capture_collections, unchanged
from pipelines.ops.capture.faiss_proof import prove_faiss
from pipelines.ops.errors import DamagedError
from tests.ops.capture.examples import MODEL, docs_folder, document, documents, open_docs, source_of


def capture(data_dir: Path, spool: Path) -> CapturedFaiss:
    """Capture what must be there."""
    captured = capture_collections(indexes_root(data_dir), spool)
    assert captured is not None
    return captured


@pytest.fixture
def merged(tmp_path: Path) -> IndexDescription:
    """Leave a collection with an index file, a tail and a deleted document; nobody has it open."""
    with closing(open_docs(tmp_path, merge_at=40)) as docs:
        docs.add(documents("base", 20))
        docs.maybe_merge()
        docs.add([document("tail")])
        docs.delete("base3")
        return docs.describe()


def test_nothing_to_capture(tmp_path: Path) -> None:
    """A machine without collections gives no capture, not an empty one."""
    assert capture_collections(tmp_path / "faiss_indexes", tmp_path / "spool") is None


def test_what_was_written_since_is_noticed(tmp_path: Path) -> None:
    """A document more or less, a new epoch, a collection more; a merge is no change."""
    root = indexes_root(tmp_path)
    assert unchanged(None, root)
    with closing(open_docs(tmp_path, merge_at=40)) as docs:
        assert not unchanged(None, root)
        docs.add(documents("d", 30))
        docs.maybe_merge()
        captured = capture(tmp_path, tmp_path / "first")
        assert unchanged(captured, root)
        docs.delete("d1")
        assert not unchanged(captured, root)
        captured = capture(tmp_path, tmp_path / "second")
        docs.add([document("more")])
        assert not unchanged(captured, root)
        captured = capture(tmp_path, tmp_path / "third")
    folder = docs_folder(tmp_path)
    epoch = folder.read_pointer()
    assert epoch
    (folder.folder / "current").write_text(f"{folder.new_epoch()}\n")
    assert not unchanged(captured, root)
    (folder.folder / "current").write_text(f"{epoch}\n")
    assert unchanged(captured, root)
    FaissDocumentIndex.open(tmp_path, "others", MODEL, merge_at=40).close()
    assert not unchanged(captured, root)


def test_facts(tmp_path: Path, merged: IndexDescription) -> None:
    """The facts are those of the collection, with eight canaries, and the files are what there is."""
    captured = capture(tmp_path, tmp_path / "spool")
    (facts,) = captured.collections
    assert (facts.name, facts.epoch, facts.sequence) == (
        "docs",
        merged.generation.epoch,
        merged.generation.sequence,
    )
    assert (facts.documents, facts.passages, facts.index.count) == (20, 40, 40)
    assert [len(canary.ids) for canary in facts.index.canaries] == [5] * 8
    first, second = (name for name, _ in captured.files)
    assert first == "docs/documents.sqlite3"
    assert re.fullmatch(r"docs/index-\d+\.faiss", second)


def test_proof_of_a_capture(tmp_path: Path, merged: IndexDescription) -> None:
    """What was captured is proven without a problem."""
    captured = capture(tmp_path, tmp_path / "spool")
    proof = prove_faiss(tmp_path / "spool", source_of(captured))
    assert proof.problems == ()
    assert proof.facts["documents"] == 20
    assert proof.facts["canaries"] == 8


def test_empty_collection(tmp_path: Path) -> None:
    """A collection without documents is captured and proven too."""
    with closing(open_docs(tmp_path)):
        captured = capture(tmp_path, tmp_path / "spool")
    assert prove_faiss(tmp_path / "spool", source_of(captured)).problems == ()


def test_stopped_service(tmp_path: Path) -> None:
    """A collection that no process has open is captured."""
    with closing(open_docs(tmp_path)) as docs:
        docs.add(documents("a", 3))
    assert capture(tmp_path, tmp_path / "spool").collections[0].documents == 3


def test_captures_under_writes(tmp_path: Path) -> None:
    """Under adds, deletes and merges each capture is whole and holds what was acknowledged before it."""
    with closing(open_docs(tmp_path, merge_at=8)) as docs, writing(docs) as acknowledged:
        for number in range(6):
            spool = tmp_path / f"spool{number}"
            added, deleted = acknowledged()
            captured = capture(tmp_path, spool)
            assert captured.notes == ()
            assert prove_faiss(spool, source_of(captured)).problems == ()
            there = titles(spool / "docs")
            assert {f"w{n}" for n in range(added)} - {f"w{n}" for n in range(0, added, 5)} <= there
            assert not {f"w{n}" for n in range(0, deleted, 5)} & there


def test_damaged_index_file_is_left_out(tmp_path: Path, merged: IndexDescription) -> None:
    """A live index file with a flipped bit is not captured; the documents are, and a note says so."""
    (path,) = base_files(docs_folder(tmp_path).epoch_folder(merged.generation.epoch))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    captured = capture(tmp_path, tmp_path / "spool")
    assert [name for name, _ in captured.files] == ["docs/documents.sqlite3"]
    assert "missing or damaged" in captured.notes[0]
    assert prove_faiss(tmp_path / "spool", source_of(captured)).problems == ()


def test_damaged_documents_are_an_error(tmp_path: Path) -> None:
    """Documents that do not add up are not captured silently."""
    with closing(open_docs(tmp_path)) as docs:
        docs.add(documents("a", 3))
        database = docs_folder(tmp_path).database(docs.generation().epoch)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("DELETE FROM passages WHERE id = 2")
    with pytest.raises(DamagedError, match="passages are there"):
        capture(tmp_path, tmp_path / "spool")


def titles(folder: Path) -> set[str]:
    """List the documents of a captured collection."""
    with open_snapshot(folder) as snapshot:
        assert snapshot.problems() == []
    with closing(sqlite3.connect(f"file:{folder / 'documents.sqlite3'}?immutable=1", uri=True)) as copy:
        return {row[0] for row in copy.execute("SELECT id FROM documents")}


@contextmanager
def writing(docs: FaissDocumentIndex) -> Iterator[Callable[[], tuple[int, int]]]:
    """Add `w0`, `w1`… and delete every fifth in a thread; tell how far either was acknowledged."""
    stop, some = Event(), Event()
    done = [0, 0]

    def write() -> None:
        while not stop.is_set():
            docs.add([document(f"w{done[0]}")])
            done[0] += 1
            if done[0] % 5 == 0:
                docs.delete(f"w{done[1]}")
                done[1] += 5
            if done[0] > 30:
                some.set()

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            assert some.wait(60)
            yield lambda: (done[0], done[1])
        finally:
            stop.set()
        writer.result()
