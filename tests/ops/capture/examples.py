"""Collections for captures: small vectors that follow from a document's name, and their source as stored."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.domain import EmbeddingModel, NewDocument, Passage
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.model import FaissSource, FileEntry

MODEL = EmbeddingModel("made-up", 16, normalised=True)


def document(name: str, passages: int = 2) -> NewDocument:
    """Return a document whose vectors follow from its name."""
    rows = np.random.default_rng(list(name.encode())).standard_normal((passages, MODEL.dimension))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return NewDocument(name, name, name, [Passage(0, len(name), name, row) for row in rows])


def documents(prefix: str, count: int) -> Sequence[NewDocument]:
    """Return some documents."""
    return [document(f"{prefix}{number}") for number in range(count)]


def open_docs(data_dir: Path, *, merge_at: int = 4096) -> FaissDocumentIndex:
    """Open the collection `docs`."""
    return FaissDocumentIndex.open(data_dir, "docs", MODEL, merge_at=merge_at)


def docs_folder(data_dir: Path) -> CollectionFolder:
    """Return where it lies."""
    return CollectionFolder(indexes_root(data_dir), "docs")


def source_of(captured: CapturedFaiss) -> FaissSource:
    """Describe a capture as a manifest does; sums are the repository's work."""
    return captured.source(
        tuple(
            FileEntry(path=name, size=path.stat().st_size, sha256="0" * 64, objects=())
            for name, path in captured.files
        )
    )
