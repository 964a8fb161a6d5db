"""Documents with vectors that are easy to reckon with, and the death of a process at a chosen step."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from app.domain import EmbeddingModel, Hit, NewDocument, Passage, Vector, Vectors
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import CollectionFolder, indexes_root

MODEL = EmbeddingModel("made-up", 4, normalised=True)
WIDER = EmbeddingModel("wider", 8, normalised=True)


def towards(axis: int, *, off: float = 0.0) -> Vector:
    """Return a unit vector along an axis, turned a little to the next one."""
    vector = np.zeros(4, np.float32)
    vector[axis], vector[(axis + 1) % 4] = np.sqrt(1 - off * off), off
    return vector


def document(name: str, *vectors: Vector, text: str = "") -> NewDocument:
    """Return a document with one word for each vector."""
    text = text or " ".join(f"{name}{number}" for number in range(len(vectors)))
    words = text.split(" ")
    starts = [text.index(word) for word in words]
    passages = [
        Passage(start, start + len(word), word, vector)
        for start, word, vector in zip(starts, words, vectors, strict=True)
    ]
    return NewDocument(name, name.title(), text, passages, {"source": f"{name}.txt"})


def random_document(name: str, passages: int = 3) -> NewDocument:
    """Return a document whose vectors follow from its name."""
    random = np.random.default_rng(list(name.encode()))
    rows = random.standard_normal((passages, 4), dtype=np.float32)
    return document(name, *(row / np.linalg.norm(row) for row in rows))


def widen(texts: Sequence[str]) -> Vectors:
    """Embed for WIDER."""
    rows = [np.random.default_rng(list(text.encode())).standard_normal(8) for text in texts]
    return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def open_docs(data: Path, merge_at: int = 1000, *, merge_behind: bool = False) -> FaissDocumentIndex:
    """Open the collection that all tests use."""
    return FaissDocumentIndex.open(data, "docs", MODEL, merge_at=merge_at, merge_behind=merge_behind)


def docs_folder(data: Path) -> CollectionFolder:
    """Return where that collection lies."""
    return CollectionFolder(indexes_root(data), "docs")


def epoch_folder(data: Path) -> Path:
    """Return the folder of the epoch in use."""
    return docs_folder(data).epoch_folder(docs_folder(data).read_pointer() or "")


def as_json(hits: Sequence[Hit]) -> str:
    """Return hits in a form to compare between processes."""
    return json.dumps([[hit.passage_id, hit.document_id, hit.text, hit.score] for hit in hits])


class PowerCutError(BaseException):
    """Nothing in the product catches it, so that files are left as a dead process leaves them."""


def cut_at(wanted: int) -> Callable[[str], None]:
    """Die at the step of that number, from 0."""
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        if len(steps) > wanted:
            raise PowerCutError(name)

    return step
