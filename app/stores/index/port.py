"""The port of the document index. One contract suite holds for every implementation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain import Document, EmbeddingModel, Generation, Hit, NewDocument, Vector


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """What an index is made of: FAISS type and metric by name, and how many of each thing it holds."""

    index_type: str
    metric: str
    model: EmbeddingModel
    documents: int
    passages: int
    generation: Generation


class DocumentIndex(Protocol):
    """Durable documents with a vector search over their passages. Thread-safe."""

    def describe(self) -> IndexDescription:
        """Say what the index is made of, as of now (writes of other processes included)."""

    def generation(self) -> Generation:
        """Return the state that the next search would answer from."""

    def add(self, documents: Sequence[NewDocument]) -> Generation:
        """Store all documents or none; when this returns they survive `kill -9` and power loss.

        Raises DocumentRefusedError (id in use, no passage), ModelMismatchError (wrong dimension),
        StoreUnavailableError (a restore holds the collection, or the disk is full).
        """

    def delete(self, document_id: str) -> Generation:
        """Take a document out of lists and searches (a sequenced tombstone).

        Raises DocumentNotFoundError and StoreUnavailableError.
        """

    def get(self, document_id: str) -> Document:
        """Return one document. Raises DocumentNotFoundError."""

    def list(self, *, after: int = 0, limit: int = 100) -> Sequence[Document]:
        """Return up to `limit` documents with a sequence above `after`, in that order, with texts."""

    def newest(self, *, before: int | None = None, limit: int = 100) -> Sequence[Document]:
        """Return up to `limit` documents, the last added first; only those below the sequence `before`."""

    def search(self, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """Return up to `limit` passages, best first. Raises ModelMismatchError on a wrong dimension."""

    def close(self) -> None:
        """Release files and locks; safe to call twice."""
