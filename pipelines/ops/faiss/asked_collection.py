"""Inside the confined loader: open one captured collection, look it through and ask it."""

import base64
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from app.domain import Vectors
from app.stores.index.base import Base, read_base_row
from app.stores.index.database import connect
from app.stores.index.layout import DATABASE
from app.stores.index.records import read_vectors
from app.stores.index.snapshot import IndexSnapshot, open_snapshot
from pipelines.ops.faiss.questions import pseudo_random

_FLOAT = np.dtype("<f4")


def answer_collection(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Answer a request about the collection in `folder`. Raises StoreUnavailableError and SQLite's errors."""
    with open_snapshot(folder) as snapshot:
        found = snapshot.describe()
        # The index file is read at the first search; what is wrong with it is known only then.
        snapshot.search(np.zeros(found.model.dimension, np.float32), limit=1)
        problems = list(snapshot.problems())
        if snapshot.base_state == "used":
            problems += _disagreements(folder)
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


def _disagreements(folder: Path) -> list[str]:
    """Compare the vectors of the documents with those of the index file: SQLite itself has no sums."""
    uri = f"{(folder / DATABASE).absolute().as_uri()}?mode=ro&immutable=1"
    with closing(connect(uri)) as connection:
        row = read_base_row(connection)
        if row is None:
            return []
        base = Base.load(folder, row)
        wrong = 0
        for passage, vector in read_vectors(connection):
            at = int(np.searchsorted(base.ids, passage))
            if passage <= row.last_passage:
                known = at < len(base.ids) and base.ids[at] == passage
                wrong += not (known and np.array_equal(base.rows[at], vector))
    return [f"{wrong} vectors of the documents are not those of the index file"] if wrong else []


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
