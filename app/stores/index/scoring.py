"""Scores that are equal on every worker, whatever part of the index a passage lies in."""

from collections.abc import Sequence

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


def rounding(query: Vector, longest: float) -> float:
    """Return how far a float32 score may be off for rows of at most the length `longest`."""
    return 1e-5 * float(np.linalg.norm(query)) * longest


def longest_row(rows: Vectors) -> float:
    """Return the length of the longest row, 0 when there is none."""
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)))


def without(ids: NDArray[np.int64], live: NDArray[np.bool_], deleted: Sequence[range]) -> NDArray[np.bool_]:
    """Return a copy of `live` that is False for each of the ascending `ids` within a deleted range."""
    remaining = live.copy()
    for gone in deleted:
        remaining[np.searchsorted(ids, gone.start) : np.searchsorted(ids, gone.stop)] = False
    return remaining
