"""What is saved side by side: a Redis of small JSON-like values, and indexes of clustered unit vectors.

Everything comes from `SEED`: two runs save the same values and vectors. Who measures calls these in a process
apart, for they take memory.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import faiss
import numpy as np
import redis

from app.domain import Vectors
from app.stores.memory.address import RedisAddress
from pipelines.ops.redis.connection import connect
from tests.ops.capture.servers import rewrite

SEED = 20261201
DIMENSION = 256
KINDS = ("Flat", "HNSW32", "IVF512,PQ32")
_CLUSTERS = 500
_SPREAD = 0.5
_BATCH = 20_000
_TRAINED_ON = 20_000
_WORDS = 14
_VOCABULARY = [
    "".join(word) for word in product("bdfklmnprst", "aeiou", "bdfklmnprst", ("", "a", "er", "ing"))
]


@dataclass(frozen=True, slots=True)
class Amount:
    """So many keys, and so many vectors of each kind of index."""

    keys: int = 1_200_000
    vectors: tuple[int, int, int] = (160_000, 65_000, 400_000)

    def scaled(self, by: float) -> "Amount":
        """Return so many times as much."""
        flat, hnsw, ivf = (max(_TRAINED_ON, round(count * by)) for count in self.vectors)
        return Amount(round(self.keys * by), (flat, hnsw, ivf))


def fill_redis(address: RedisAddress, amount: Amount) -> None:
    """Write every key, rewrite the AOF, and write a twentieth again: a base and an increment."""
    with connect(address) as client:
        _write(client, range(amount.keys), round_=0)
        rewrite(client)
        _write(client, range(0, amount.keys, 20), round_=0)


def change_redis(address: RedisAddress, amount: Amount, round_: int) -> None:
    """Write a hundredth of the keys anew, chosen at random, and rewrite the AOF."""
    chosen = np.random.default_rng((SEED, round_)).choice(amount.keys, amount.keys // 100, replace=False)
    with connect(address) as client:
        _write(client, chosen.tolist(), round_=round_)
        rewrite(client)


def fill_indexes(folder: Path, amount: Amount) -> None:
    """Write one index of each kind."""
    folder.mkdir(parents=True)
    for kind, count in zip(KINDS, amount.vectors, strict=True):
        index = faiss.index_factory(DIMENSION, kind)
        if not index.is_trained:
            index.train(vectors(_TRAINED_ON, kind, 0))
        _add(index, kind, count, 0)
        _written(index, folder, kind)


def change_indexes(folder: Path, amount: Amount, round_: int) -> None:
    """Replace a hundredth of the vectors of the flat index in place; add as many to each of the others."""
    for kind, count in zip(KINDS, amount.vectors, strict=True):
        index = faiss.read_index(str(path_of(folder, kind)))
        if isinstance(index, faiss.IndexFlat):
            _replace(index, count // 100, round_)
        else:
            _add(index, kind, count // 100, round_)
        _written(index, folder, kind)


def path_of(folder: Path, kind: str) -> Path:
    """Return the file of an index."""
    return folder / f"{kind.partition(',')[0].lower()}.index"


def vectors(count: int, kind: str, round_: int) -> Vectors:
    """Return unit vectors around some centres; the centres are always the same."""
    centres = np.random.default_rng(SEED).standard_normal((_CLUSTERS, DIMENSION), dtype=np.float32)
    random = np.random.default_rng((SEED, KINDS.index(kind), round_, count))
    noise = random.standard_normal((count, DIMENSION), dtype=np.float32)
    found = centres[random.integers(_CLUSTERS, size=count)] + np.float32(_SPREAD) * noise
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def _add(index: faiss.Index, kind: str, count: int, round_: int) -> None:
    found = vectors(count, kind, round_)
    for at in range(0, count, _BATCH):
        index.add(found[at : at + _BATCH])


def _replace(index: faiss.IndexFlat, count: int, round_: int) -> None:
    held = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * DIMENSION).reshape(index.ntotal, DIMENSION)
    at = np.random.default_rng((SEED, round_)).choice(index.ntotal, count, replace=False)
    held[at] = vectors(count, "Flat", round_)


def _written(index: faiss.Index, folder: Path, kind: str) -> None:
    beside = folder / "beside"
    faiss.write_index(index, str(beside))
    beside.rename(path_of(folder, kind))


def _write(client: redis.Redis, numbers: Sequence[int], *, round_: int) -> None:
    random = np.random.default_rng((SEED, round_, len(numbers)))
    for at in range(0, len(numbers), _BATCH):
        some = numbers[at : at + _BATCH]
        words = random.integers(len(_VOCABULARY), size=(len(some), _WORDS))
        with client.pipeline(transaction=False) as pipeline:
            for number, chosen in zip(some, words, strict=True):
                pipeline.set(f"session:{number}", _value(number, round_, chosen))
            pipeline.execute()


def _value(number: int, round_: int, words: Iterable[int]) -> str:
    text = " ".join([_VOCABULARY[word] for word in words])
    return json.dumps({"id": number, "turn": round_, "role": "user", "text": text})
