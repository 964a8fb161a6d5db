"""Inside the confined loader: open one captured collection, look it through and ask it."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.domain import Vectors
from app.stores.index.snapshot import IndexSnapshot, open_snapshot
from pipelines.ops.faiss.questions import pseudo_random

_FLOAT = np.dtype("<f4")


def answer_collection(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Answer a request about the collection in `folder`. Raises StoreUnavailableError and SQLite's errors."""
    with open_snapshot(folder) as snapshot:
        found = snapshot.describe()
        problems = list(snapshot.problems())
        return {
            "index_type": found.index_type,
            "dimension": found.model.dimension,
            "metric": found.metric,
            "count": found.passages,
            "sequence": found.generation.sequence,
            "documents": found.documents,
            "passages": found.passages,
            "model": found.model.name,
            "normalised": found.model.normalised,
            "problems": problems,
            "answers": [_asked(snapshot, row, request["limit"]) for row in _questions(snapshot, request)],
        }


def _questions(snapshot: IndexSnapshot, request: Mapping[str, Any]) -> Vectors:
    dimension = snapshot.describe().model.dimension
    if not request["choose"]:
        rows = [np.frombuffer(base64.b64decode(vector), _FLOAT) for vector in request["vectors"]]
        return np.stack(rows) if rows else np.empty((0, dimension), np.float32)
    own = snapshot.sample(request["choose"] - request["pseudo_random"])
    return np.vstack([own, pseudo_random(request["choose"] - len(own), dimension)])


def _asked(snapshot: IndexSnapshot, row: Vectors, limit: int) -> dict[str, Any]:
    hits = snapshot.search(row, limit=limit)
    return {
        "vector": base64.b64encode(row.astype(_FLOAT).tobytes()).decode(),
        "ids": [hit.passage_id for hit in hits],
        "scores": [hit.score for hit in hits],
    }
