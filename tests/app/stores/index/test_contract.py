"""Every document index keeps the promises of its port."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.domain import (
    DocumentNotFoundError,
    DocumentRefusedError,
    ModelMismatchError,
    NewDocument,
    Passage,
)
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.in_memory import InMemoryDocumentIndex
from app.stores.index.port import DocumentIndex
from tests.app.stores.index.examples import MODEL, document, towards

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture(params=["faiss", "faiss that always merges", "in memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentIndex]:
    """Open each implementation; merging after every add must make no difference."""
    opened: DocumentIndex
    if request.param == "in memory":
        opened = InMemoryDocumentIndex(MODEL, lambda: NOW)
    else:
        merge_at = 1 if "always" in request.param else 1000
        opened = FaissDocumentIndex.open(tmp_path, "docs", MODEL, merge_at=merge_at, clock=lambda: NOW)
    yield opened
    opened.close()


def test_starts_empty(index: DocumentIndex) -> None:
    """A new index has nothing, answers nothing, and says what it is."""
    described = index.describe()
    assert (described.index_type, described.metric, described.model) == ("Flat", "inner_product", MODEL)
    assert (described.documents, described.passages, described.generation.sequence) == (0, 0, 0)
    assert index.search(towards(0), limit=3) == []
    assert index.list() == []


def test_returns_what_was_added(index: DocumentIndex) -> None:
    """A stored document comes back whole."""
    index.add([document("é𝄞\0", towards(0), towards(1), text="né\0𝄞é zwei")])
    kept = index.get("é𝄞\0")
    assert (kept.title, kept.text, kept.metadata) == ("É𝄞\0", "né\0𝄞é zwei", {"source": "é𝄞\0.txt"})
    assert (kept.sequence, kept.added, kept.passages) == (1, NOW, 2)
    assert [hit.text for hit in index.search(towards(1), limit=9)] == ["zwei", "né\0𝄞é"]


def test_counts_every_write(index: DocumentIndex) -> None:
    """Each document added or deleted moves the sequence by one; the epoch stays."""
    first = index.add([document("a", towards(0)), document("b", towards(1), towards(2))])
    second = index.delete("a")
    assert (first.sequence, second.sequence) == (2, 3)
    assert index.generation() == second == index.describe().generation
    assert first.epoch == second.epoch
    assert (index.describe().documents, index.describe().passages) == (1, 2)


def test_finds_the_nearest(index: DocumentIndex) -> None:
    """Hits come best first, with where they were cut from."""
    index.add([document("far", towards(2), towards(0, off=0.5)), document("near", towards(0, off=0.1))])
    hits = index.search(towards(0), limit=2)
    assert [(hit.document_id, hit.title, hit.start, hit.end, hit.text) for hit in hits] == [
        ("near", "Near", 0, 5, "near0"),
        ("far", "Far", 5, 9, "far1"),
    ]
    assert hits[0].score == pytest.approx(np.sqrt(0.99))


def test_breaks_ties_by_passage_id(index: DocumentIndex) -> None:
    """Of many equal passages the first added come first, however many are asked for."""
    for number in range(60):
        index.add([document(f"d{number}", towards(0), towards(3))])
    for limit in (1, 7, 59):
        hits = index.search(towards(0), limit=limit)
        assert [hit.document_id for hit in hits] == [f"d{number}" for number in range(limit)]
    assert len(index.search(towards(0), limit=500)) == 120
    assert index.search(towards(0), limit=0) == []


def test_forgets_what_was_deleted(index: DocumentIndex) -> None:
    """A deleted document is neither listed nor found nor counted, and its id is free again."""
    index.add([document("a", towards(0)), document("b", towards(0))])
    old = index.search(towards(0), limit=1)[0].passage_id
    index.delete("a")
    assert [hit.document_id for hit in index.search(towards(0), limit=9)] == ["b"]
    with pytest.raises(DocumentNotFoundError):
        index.get("a")
    with pytest.raises(DocumentNotFoundError):
        index.delete("a")
    index.add([document("a", towards(0))])
    again = [hit for hit in index.search(towards(0), limit=9) if hit.document_id == "a"]
    assert again[0].passage_id != old


def test_lists_by_sequence(index: DocumentIndex) -> None:
    """Paging by sequence meets every document once."""
    for number in range(5):
        index.add([document(f"d{number}", towards(0))])
    index.delete("d1")
    first = index.list(limit=2)
    rest = index.list(after=first[-1].sequence, limit=9)
    assert [kept.id for kept in [*first, *rest]] == ["d0", "d2", "d3", "d4"]


def test_lists_the_newest_first(index: DocumentIndex) -> None:
    """Paging backwards meets every document once, also when one is added or deleted meanwhile."""
    for number in range(6):
        index.add([document(f"d{number}", towards(0))])
    index.delete("d4")
    first = index.newest(limit=2)
    index.add([document("late", towards(0))])
    index.delete("d1")
    rest = index.newest(before=first[-1].sequence, limit=9)
    assert [kept.id for kept in [*first, *rest]] == ["d5", "d3", "d2", "d0"]
    assert [kept.id for kept in index.newest(limit=1)] == ["late"]
    assert index.newest(before=rest[-1].sequence) == []


@pytest.mark.parametrize(
    "refused",
    [
        [document("a", towards(0))],
        [document("b", towards(0)), document("b", towards(1))],
        [NewDocument("b", "B", "text", [])],
        [NewDocument("", "B", "text", [Passage(0, 4, "text", towards(0))])],
        [NewDocument("b", "B", "text", [Passage(0, 4, "else", towards(0))])],
        [NewDocument("b", "B", "te\ud800t", [Passage(0, 2, "te", towards(0))])],
        [document("b", towards(0), np.full(4, np.nan, np.float32))],
        [document("b", towards(0), np.full(4, np.inf, np.float32))],
    ],
)
def test_refuses_whole_calls(index: DocumentIndex, refused: list[NewDocument]) -> None:
    """What cannot be stored is refused with a remedy, and nothing of the call is kept."""
    before = index.add([document("a", towards(0))])
    with pytest.raises(DocumentRefusedError) as caught:
        index.add([document("fine", towards(0)), *refused])
    assert caught.value.hint
    assert index.generation() == before
    assert [kept.id for kept in index.list()] == ["a"]


def test_refuses_other_dimensions(index: DocumentIndex) -> None:
    """A vector of another length is named, not asserted; so is a question that is no number."""
    with pytest.raises(ModelMismatchError, match="4 numbers"):
        index.add([NewDocument("b", "B", "text", [Passage(0, 4, "text", np.ones(5, np.float32))])])
    with pytest.raises(ModelMismatchError, match="4 numbers"):
        index.search(np.ones(3, np.float32), limit=1)
    with pytest.raises(ModelMismatchError, match="not finite"):
        index.search(np.full(4, np.nan, np.float32), limit=1)


def test_adding_nothing_changes_nothing(index: DocumentIndex) -> None:
    """An empty call is no write."""
    assert index.add([]) == index.generation()
    assert index.generation().sequence == 0


def test_closes_twice(index: DocumentIndex) -> None:
    """Closing is safe to repeat."""
    index.close()
    index.close()
