"""What a loaded FAISS index is, in words, and the parameters that make its answers repeatable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import faiss

FaissIndex: TypeAlias = Any
"""A loaded index of any class; FAISS ships no types."""

_METRICS = {
    faiss.METRIC_INNER_PRODUCT: "inner_product",
    faiss.METRIC_L2: "l2",
    faiss.METRIC_L1: "l1",
    faiss.METRIC_Linf: "linf",
    faiss.METRIC_Lp: "lp",
    faiss.METRIC_Canberra: "canberra",
    faiss.METRIC_BrayCurtis: "bray_curtis",
    faiss.METRIC_JensenShannon: "jensen_shannon",
    faiss.METRIC_Jaccard: "jaccard",
}


@dataclass(frozen=True, slots=True)
class Description:
    """`index_type` names the classes from the outside in: `IDMap2(IVFPQ[nlist=16,m=8,nbits=8])`."""

    index_type: str
    dimension: int
    metric: str
    count: int


def describe(index: FaissIndex) -> Description:
    """Describe an index of vectors or of bits."""
    metric = "hamming" if is_binary(index) else _METRICS.get(index.metric_type, f"metric {index.metric_type}")
    return Description(_name(index), int(index.d), metric, int(index.ntotal))


def is_binary(index: FaissIndex) -> bool:
    """Say whether the index compares bits."""
    return isinstance(index, faiss.IndexBinary)


def layers(index: FaissIndex) -> Iterator[FaissIndex]:
    """Yield the index and what it wraps, from the outside in."""
    while index is not None:
        yield index
        index = _inside(index)


def set_parameters(index: FaissIndex, parameters: Mapping[str, int]) -> None:
    """Set `nprobe` and `efSearch` wherever the index has them, so that its stored ones do not matter."""
    for layer in layers(index):
        if hasattr(layer, "nprobe"):
            layer.nprobe = parameters["nprobe"]
            set_parameters(downcast(layer.quantizer), parameters)
        if hasattr(layer, "hnsw"):
            layer.hnsw.efSearch = parameters["efSearch"]


def downcast(index: FaissIndex) -> FaissIndex:
    """Return the index as its own class."""
    return faiss.downcast_IndexBinary(index) if is_binary(index) else faiss.downcast_index(index)


def _inside(index: FaissIndex) -> FaissIndex:
    for attribute, wrappers in (
        ("index", (faiss.IndexIDMap, faiss.IndexBinaryIDMap, faiss.IndexPreTransform)),
        ("base_index", (faiss.IndexRefine,)),
    ):
        if isinstance(index, wrappers):
            return downcast(getattr(index, attribute))
    return None


def _name(index: FaissIndex) -> str:
    inside = _inside(index)
    name = type(index).__name__.removeprefix("Index") + _parts(index)
    return f"{name}({_name(inside)})" if inside is not None else name


def _parts(index: FaissIndex) -> str:
    """List the numbers that make two indexes of one class differ."""
    parts = []
    if hasattr(index, "nlist"):
        parts.append(f"nlist={index.nlist}")
    if hasattr(index, "pq"):
        parts.append(f"m={index.pq.M},nbits={index.pq.nbits}")
    if hasattr(index, "hnsw"):
        parts.append(f"M={index.hnsw.nb_neighbors(1)}")
    return f"[{','.join(parts)}]" if parts else ""
