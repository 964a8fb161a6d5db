"""Questions to a loaded FAISS index: which vectors to ask, and what it answers."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from pipelines.ops.faiss.description import FaissIndex, is_binary, layers

Rows: TypeAlias = NDArray[Any]
SEED = 20240229
"""Seed of the pseudo-random questions (numpy's PCG64)."""

# Only those known to give vectors back: others raise, and IVF fast-scan crashes when asked.
_BY_POSITION = (
    faiss.IndexFlatCodes,
    faiss.IndexHNSW,
    faiss.IndexNSG,
    faiss.IndexBinaryFlat,
    faiss.IndexBinaryHNSW,
)
_BY_LIST = (faiss.IndexIVFFlat, faiss.IndexIVFPQ, faiss.IndexIVFScalarQuantizer)


def choose(index: FaissIndex, count: int, strange: int) -> Rows:
    """Return `count` questions: vectors of the index where it can give them back, and some pseudo-random.

    At least `strange` of them are; vectors are taken at equal distances over the whole index.
    """
    own = list(_own_vectors(index, count - strange))
    made = count - len(own)
    if is_binary(index):
        random: Rows = default_rng(SEED).integers(0, 256, (made, index.d // 8), dtype=np.uint8)
    else:
        random = pseudo_random(made, index.d)
    return np.vstack([*own, random])


def pseudo_random(count: int, dimension: int) -> Rows:
    """Return the same normally distributed vectors at every call."""
    return default_rng(SEED).standard_normal((count, dimension)).astype(np.float32)


def answers(index: FaissIndex, rows: Rows, limit: int) -> list[dict[str, Any]]:
    """Ask each row alone; return ids and scores, best first, without the places that FAISS left empty."""
    found = []
    for row in rows:
        scores, ids = index.search(row[np.newaxis], limit)
        kept = (ids[0] != -1) & np.isfinite(scores[0])
        found.append(
            {
                "vector": base64.b64encode(row.tobytes()).decode(),
                "ids": ids[0][kept].tolist(),
                "scores": scores[0][kept].tolist(),
            }
        )
    return found


def rows_of(index: FaissIndex, vectors: Sequence[str]) -> Rows:
    """Turn stored questions (base64) into rows. Raises ValueError when one has not the size of this index."""
    kind = np.uint8 if is_binary(index) else np.dtype("<f4")
    width = index.d // 8 if is_binary(index) else index.d
    rows = [np.frombuffer(base64.b64decode(vector), kind) for vector in vectors]
    for row in rows:
        if len(row) != width:
            raise ValueError(f"a stored question has {len(row)} numbers and the index takes {width}")
    return np.array(rows, kind).reshape(len(rows), width)


def _own_vectors(index: FaissIndex, count: int) -> Iterator[Rows]:
    *wrappers, inner = layers(index)
    transformed = any(isinstance(wrapper, faiss.IndexPreTransform) for wrapper in wrappers)
    if transformed or not (isinstance(inner, _BY_POSITION) or type(inner) in _BY_LIST):
        return
    positions = (
        sorted({(2 * i + 1) * inner.ntotal // (2 * count) for i in range(count)}) if inner.ntotal else []
    )
    try:
        for position in positions:
            vector = _vector(inner, position)
            if not np.issubdtype(vector.dtype, np.floating) or np.isfinite(vector).all():
                yield vector
    except RuntimeError:  # this kind of index cannot give vectors back
        return


def _vector(inner: FaissIndex, position: int) -> Rows:
    """Return a stored vector; an IVF index is read list by list, as its ids need not be positions."""
    if isinstance(inner, _BY_POSITION):
        return np.asarray(inner.reconstruct(position))
    for number in range(inner.nlist):
        size = inner.invlists.list_size(number)
        if position < size:
            vector = np.empty(inner.d, np.float32)
            inner.reconstruct_from_offset(number, position, faiss.swig_ptr(vector))
            return vector
        position -= size
    raise RuntimeError("the lists hold fewer vectors than the index counts")
