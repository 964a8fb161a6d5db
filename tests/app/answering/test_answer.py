"""Answers and their cache, where they meet writes of others."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from app.answering.answer import Answering
from app.answering.model import Question
from app.answering.recall import Recall
from app.answering.search import Search
from app.answering.threads import Threads
from app.answering.writer import Writer
from app.domain import Hit, NewDocument, Passage
from app.inference.routing import ModelRouter
from app.stores.index.in_memory import InMemoryDocumentIndex
from app.stores.memory.in_memory import InMemoryMemory
from tests.app.doubles import Clock, WordEmbedder

pytestmark = pytest.mark.anyio
_EMBEDDER = WordEmbedder()


class BusyIndex(InMemoryDocumentIndex):
    """Somebody writes a document during each of the first `writes` searches."""

    writes = 1

    def search(self, vector: Any, *, limit: int) -> Sequence[Hit]:
        """Search, then let the other one write."""
        hits = super().search(vector, limit=limit)
        if self.writes:
            self.writes -= 1
            text = f"Parrot {self.writes}"
            passage = Passage(0, len(text), text, _EMBEDDER.embed([text])[0])
            self.add([NewDocument(text, text, text, [passage])])
        return hits


async def test_an_answer_is_not_cached_when_the_documents_moved_meanwhile() -> None:
    """It may rest on either state, so it is kept under neither."""
    index, memory, threads = BusyIndex(_EMBEDDER.model), InMemoryMemory(), Threads()
    answering = Answering(
        index,
        Search(index, _EMBEDDER, threads),
        Writer(ModelRouter([])),
        threads,
        new_recall=partial(Recall, memory, restoring=bool),
        clock=Clock(),
        cache_seconds=60,
    )

    moved = await answering.answer(Question("parrot"))
    settled = await answering.answer(Question("parrot"))
    kept = await answering.answer(Question("parrot"))

    assert [moved.cached, settled.cached, kept.cached] == [False, False, True]
    assert settled.citations[0].title == "Parrot 0"
