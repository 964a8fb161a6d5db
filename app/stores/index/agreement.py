"""Whether the vectors of the documents are those of the index file: SQLite itself has no sums."""

import sqlite3
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.domain import Vectors
from app.stores.index.base import Base
from app.stores.index.records import read_vector_blocks


def disagreements(connection: sqlite3.Connection, base: Base) -> list[str]:
    """Compare every passage that `base` covers; all vectors in the database must have one length."""
    dimension = base.rows.shape[1]
    blocks = read_vector_blocks(connection, dimension, last=base.row.last_passage)
    wrong = sum(int(found.sum()) for found in _wrong(blocks, base))
    return [f"{wrong} vectors of the documents are not those of the index file"] if wrong else []


def _wrong(blocks: Iterator[tuple[NDArray[np.int64], Vectors]], base: Base) -> Iterator[NDArray[np.bool_]]:
    for ids, rows in blocks:
        if len(base.ids) == 0:
            yield np.ones(len(ids), np.bool_)
            continue
        at = np.minimum(np.searchsorted(base.ids, ids), len(base.ids) - 1)
        # As bytes: a NaN is equal to itself, and 0.0 is not -0.0.
        same = (base.rows[at].view(np.int32) == rows.view(np.int32)).all(axis=1)
        yield (base.ids[at] != ids) | ~same
