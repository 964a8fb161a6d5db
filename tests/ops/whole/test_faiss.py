"""FAISS the whole way: foreign indexes of every kind, and documents that change during backup and restore."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain import DocumentNotFoundError, StoreUnavailableError
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import indexes_root
from pipelines.ops.backup import take_backup
from pipelines.ops.capture.canaries import compare, stored_questions
from pipelines.ops.capture.documents import capture_collections
from pipelines.ops.cli.backup import faiss_capture
from pipelines.ops.faiss.loading import load_collection, load_file
from pipelines.ops.restore.flow import restore
from tests.installation import work_on
from tests.ops.capture.examples import document, documents, open_docs
from tests.ops.faiss.examples import BINARY_KINDS, FLOAT_KINDS, write_example
from tests.waiting import wait_until

KINDS = ("Flat", "IVF16,PQ8x4", "HNSW16", "IDMap,Flat", "IDMap2,IVF16,Flat", "BHNSW16", "IDMap2,BFlat")
EVERY_KIND = FLOAT_KINDS + BINARY_KINDS


@pytest.mark.parametrize("kinds", [KINDS, pytest.param(EVERY_KIND, marks=pytest.mark.soak)], ids=len)
def test_foreign_indexes(tmp_path: Path, kinds: Sequence[str]) -> None:
    """Flat, IVF-PQ, HNSW, IDMap, binary…: captured, proven, restored byte for byte, canaries equal."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for number, kind in enumerate(kinds):
        write_example(foreign / f"{number}.{'index' if number % 2 else 'faiss'}", kind)
    work = work_on(tmp_path)
    report = take_backup(work, redis=None, faiss=faiss_capture(work, foreign))
    assert report.proof
    assert report.proof.good, report.proof
    assert report.proof.sources[0].facts["canaries"] == 8 * len(kinds)
    restore(work, report.ref.id, into=tmp_path / "restored")
    assert report.point.faiss
    assert len(report.point.faiss.indexes) == len(kinds)
    for facts in report.point.faiss.indexes:
        assert facts.path
        restored = tmp_path / "restored" / "faiss" / facts.path
        assert restored.read_bytes() == (foreign / facts.path).read_bytes()
        assert len(facts.canaries) == 8
        assert compare(facts.canaries, load_file(restored, stored_questions(facts.canaries)).answers) == []


def test_documents_change_during_backup_and_restore(tmp_path: Path) -> None:
    """Adds and deletes go on all the while; the point's documents and canaries are back."""
    work = work_on(tmp_path)
    with closing(open_docs(work.data_dir, merge_at=40)) as docs:
        docs.add(documents("kept", 30))
        with changing(docs) as changes:
            point = take_backup(work, redis=None, faiss=faiss_capture(work, None))
            after = len(changes.acknowledged)
            wait_until(lambda: len(changes.acknowledged) > after + 20, "documents change behind the backup")
            assert restore(work, point.ref.id, only="faiss")
            epoch = docs.generation().epoch
            wait_until(lambda: changes.epoch == epoch, "documents change in the restored epoch")
        for name in changes.present:
            docs.delete(name)
        assert changes.before_epoch(epoch) > after
        there = {found.id for found in docs.list(limit=1_000_000)}
    assert point.proof
    assert point.proof.good, point.proof
    assert point.point.faiss
    (facts,) = point.point.faiss.collections
    assert len(there) == facts.documents
    assert {f"kept{number}" for number in range(30)} <= there
    assert capture_collections(indexes_root(work.data_dir), tmp_path / "again")
    again = load_collection(tmp_path / "again" / "docs", stored_questions(facts.index.canaries))
    assert again.problems == ()
    assert compare(facts.index.canaries, again.answers) == []


@dataclass(slots=True)
class Changes:
    """What a writer was told: each add with its epoch, and which of its documents the last epoch holds."""

    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    epoch: str = ""

    def added(self, name: str, epoch: str) -> None:
        """Note an add; what was added to an epoch before is not in this one, or is the point's."""
        if epoch != self.epoch:
            self.present.clear()
        self.present.append(name)
        self.acknowledged.append((name, epoch))
        self.epoch = epoch

    def before_epoch(self, epoch: str) -> int:
        """Count the adds to other epochs."""
        return sum(one != epoch for _, one in self.acknowledged)


@contextmanager
def changing(docs: FaissDocumentIndex) -> Iterator[Changes]:
    """Add documents and delete every other one in a thread; a restore may refuse writes for a while."""
    stop = threading.Event()
    changes = Changes()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                changes.added(f"w{number}", docs.add([document(f"w{number}")]).epoch)
                if number % 2:
                    docs.delete(f"w{number}")
                    changes.present.remove(f"w{number}")
            except DocumentNotFoundError:
                assert docs.generation().epoch != changes.epoch, "it went, and not with its epoch"
            except StoreUnavailableError:
                stop.wait(0.01)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            wait_until(lambda: writer.done() or len(changes.acknowledged) > 20, "documents change")
            yield changes
        finally:
            stop.set()
        writer.result()
