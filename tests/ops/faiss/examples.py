"""FAISS files of many kinds, made from the same vectors."""

from functools import cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np

FLOAT_KINDS = (
    "Flat",
    "IVF16,PQ8x4",
    "HNSW16",
    "IDMap,Flat",
    "IDMap2,HNSW16",
    "IDMap2,IVF16,Flat",
    "PCA16,IVF16,SQ8",
    "IVF16,PQ4x4fs",
    "IVF16_HNSW8,Flat",
    "IVF16,Flat,RFlat",
    "LSH",
)
BINARY_KINDS = ("BFlat", "BIVF16", "BHNSW16", "IDMap2,BFlat", "BHash8")
DIMENSION = 32
COUNT = 1000


def write_example(path: Path, kind: str, *, count: int = COUNT, metric: int = faiss.METRIC_L2) -> Any:
    """Write an index of a factory kind and return it; mapped ids begin at 7 and go up by threes."""
    content = _content(kind, count, metric)
    path.write_bytes(content)
    stored = np.frombuffer(content, np.uint8)
    return faiss.deserialize_index_binary(stored) if kind in BINARY_KINDS else faiss.deserialize_index(stored)


@cache
def _content(kind: str, count: int, metric: int) -> bytes:
    faiss.omp_set_num_threads(1)
    rows, index = _bits(kind) if kind in BINARY_KINDS else _floats(kind, metric)
    index.train(rows)
    if kind.startswith("IDMap"):
        index.add_with_ids(rows[:count], np.arange(count) * 3 + 7)
    elif count:
        index.add(rows[:count])
    write = faiss.serialize_index_binary if kind in BINARY_KINDS else faiss.serialize_index
    return bytes(write(index).tobytes())


def _bits(kind: str) -> tuple[Any, Any]:
    rows = np.random.default_rng(1).integers(0, 256, (COUNT, DIMENSION // 8), dtype=np.uint8)
    return rows, faiss.index_binary_factory(DIMENSION, kind)


def _floats(kind: str, metric: int) -> tuple[Any, Any]:
    rows = np.random.default_rng(1).standard_normal((COUNT, DIMENSION)).astype(np.float32)
    return rows, faiss.index_factory(DIMENSION, kind, metric)
