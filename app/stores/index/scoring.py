"""Scores that are equal on every worker, whatever part of the index a passage lies in."""

import numpy as np
from numpy.typing import NDArray

from app.domain import Vector, Vectors


def exact_scores(rows: Vectors, query: Vector) -> NDArray[np.float32]:
    """Return the inner product of each row with `query`.

    Summed in float64 along each row alone and rounded once: FAISS and BLAS differ in the last bits between
    kernels, so that two workers would order near ties differently.
    """
    products = rows.astype(np.float64) * query.astype(np.float64)
    scores: NDArray[np.float32] = products.sum(axis=1).astype(np.float32)
    return scores


def best_first(ids: NDArray[np.int64], scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Return the positions of the `limit` best: higher score first, lower id first among equals."""
    return np.lexsort((ids, -scores))[:limit]
