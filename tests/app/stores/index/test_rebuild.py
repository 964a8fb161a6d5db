"""A rebuild makes new vectors in a new epoch while the old one is in use, and at any death one is whole."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from app.domain import ModelMismatchError, StoreUnavailableError, Vectors
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.rebuild import rebuild
from tests.app.stores.index.examples import (
    MODEL,
    WIDER,
    PowerCutError,
    cut_at,
    docs_folder,
    document,
    random_document,
    towards,
    widen,
)


def test_rebuild_embeds_again(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """A rebuild keeps documents, sequences and ids, counts on, and takes in what was added meanwhile."""
    before = {hit.passage_id: hit.text for hit in index.search(towards(0), limit=99)}
    calls = 0

    def embed(texts: Sequence[str]) -> Vectors:
        nonlocal calls
        calls += 1
        if calls == 1:
            index.delete("a")
            index.add([random_document("a", 2), random_document("gone")])
            index.delete("gone")
        return widen(texts)

    generation = rebuild(tmp_path, "docs", WIDER, embed)
    assert calls == 2
    with pytest.raises(ModelMismatchError):
        index.search(towards(0), limit=1)
    wider = FaissDocumentIndex.open(tmp_path, "docs", WIDER)
    assert wider.generation() == generation
    assert (generation.sequence, wider.describe().documents, wider.describe().passages) == (8, 2, 5)
    assert [one.sequence for one in wider.list()] == [3, 6]
    hits = wider.search(widen(["c1"])[0], limit=99)
    assert hits[0].text == "c1"
    assert {hit.passage_id: hit.text for hit in hits if hit.passage_id in before} == {
        passage_id: text for passage_id, text in before.items() if text.startswith("c")
    }
    wider.add([document("new", widen(["new0"])[0])])
    assert max(hit.passage_id for hit in wider.search(widen(["x"])[0], limit=99)) > max(before)
    assert len(wider.search(widen(["x"])[0], limit=99)) == 6
    wider.close()


@pytest.mark.parametrize("cut", range(7))
def test_a_rebuild_may_die_anywhere(index: FaissDocumentIndex, tmp_path: Path, cut: int) -> None:
    """Whatever step a rebuild dies after, one whole epoch is in use, and it can be run again."""
    old = docs_folder(tmp_path).read_pointer()
    with suppress(PowerCutError):
        rebuild(tmp_path, "docs", WIDER, widen, step=cut_at(cut))
    changed = docs_folder(tmp_path).read_pointer() != old
    model, query = (WIDER, widen(["c1"])[0]) if changed else (MODEL, towards(0))
    opened = FaissDocumentIndex.open(tmp_path, "docs", model)
    assert {hit.document_id for hit in opened.search(query, limit=99)} == {"a", "c"}
    opened.close()
    rebuild(tmp_path, "docs", WIDER, widen)
    assert list(docs_folder(tmp_path).folder.glob(".new-*")) == []


def test_a_failed_rebuild_changes_nothing(index: FaissDocumentIndex, tmp_path: Path) -> None:
    """An embedder of another dimension is named, and the old epoch is in use as before."""
    with pytest.raises(ModelMismatchError, match="8 numbers each"):
        rebuild(tmp_path, "docs", WIDER, lambda texts: widen(texts)[:, :5])
    assert len(docs_folder(tmp_path).epochs()) == 1
    index.add([random_document("d")])
    with pytest.raises(StoreUnavailableError, match="no collection"):
        rebuild(tmp_path, "nothing", WIDER, widen)
