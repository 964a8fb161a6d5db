"""A document index that lives in this process only: for tests, and to try things out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from uuid import uuid4

import numpy as np

from app.domain import Document, EmbeddingModel, Generation, Hit, NewDocument, Passage, Vector
from app.stores.index.checks import check_documents, check_query, id_in_use, not_found
from app.stores.index.port import IndexDescription
from app.stores.index.scoring import exact_scores


@dataclass(frozen=True, slots=True)
class _Stored:
    document: Document
    passages: Sequence[tuple[int, Passage]]


class InMemoryDocumentIndex:
    """Implements DocumentIndex with a dictionary."""

    def __init__(
        self, model: EmbeddingModel, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._model = model
        self._clock = clock
        self._epoch = uuid4().hex
        self._sequence = 0
        self._passages = 0
        self._stored: dict[str, _Stored] = {}
        self._lock = RLock()

    def describe(self) -> IndexDescription:
        """See DocumentIndex."""
        with self._lock:
            return IndexDescription(
                index_type="Flat",
                metric="inner_product",
                model=self._model,
                documents=len(self._stored),
                passages=sum(len(stored.passages) for stored in self._stored.values()),
                generation=self.generation(),
            )

    def generation(self) -> Generation:
        """See DocumentIndex."""
        return Generation(self._epoch, self._sequence)

    def add(self, documents: Sequence[NewDocument]) -> Generation:
        """See DocumentIndex."""
        check_documents(documents, self._model)
        with self._lock:
            for document in documents:
                if document.id in self._stored:
                    raise id_in_use(document.id)
            for document in documents:
                self._stored[document.id] = self._store(document)
            return self.generation()

    def delete(self, document_id: str) -> Generation:
        """See DocumentIndex."""
        with self._lock:
            if self._stored.pop(document_id, None) is None:
                raise not_found(document_id)
            self._sequence += 1
            return self.generation()

    def get(self, document_id: str) -> Document:
        """See DocumentIndex."""
        with self._lock:
            if document_id not in self._stored:
                raise not_found(document_id)
            return self._stored[document_id].document

    def list(self, *, after: int = 0, limit: int = 100) -> Sequence[Document]:
        """See DocumentIndex."""
        with self._lock:
            documents = [stored.document for stored in self._stored.values()]
        return [document for document in documents if document.sequence > after][:limit]

    def newest(self, *, before: int | None = None, limit: int = 100) -> Sequence[Document]:
        """See DocumentIndex."""
        with self._lock:
            documents = [stored.document for stored in self._stored.values()]
        found = [document for document in documents if before is None or document.sequence < before]
        return found[::-1][:limit]

    def search(self, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """See DocumentIndex."""
        check_query(vector, self._model)
        with self._lock:
            stored = list(self._stored.values())
        hits = (hit for one in stored for hit in _hits(one, vector))
        return _best(hits, limit)

    def close(self) -> None:
        """See DocumentIndex."""

    def _store(self, document: NewDocument) -> _Stored:
        first = self._passages + 1
        self._passages += len(document.passages)
        self._sequence += 1
        kept = Document(
            id=document.id,
            title=document.title,
            text=document.text,
            metadata=dict(document.metadata),
            sequence=self._sequence,
            added=self._clock(),
            passages=len(document.passages),
        )
        return _Stored(kept, list(enumerate(document.passages, start=first)))


def _hits(stored: _Stored, vector: Vector) -> Iterable[Hit]:
    rows = np.stack([passage.vector for _, passage in stored.passages])
    scores = exact_scores(rows, vector)
    for (passage_id, passage), score in zip(stored.passages, scores, strict=True):
        yield Hit(
            passage_id=passage_id,
            document_id=stored.document.id,
            title=stored.document.title,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            score=float(score),
        )


def _best(hits: Iterable[Hit], limit: int) -> Sequence[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[: max(limit, 0)]
