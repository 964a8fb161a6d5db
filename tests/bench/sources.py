"""The benchmark's data: small keys in a real server, and a collection with random vectors."""

from pathlib import Path

import numpy as np
import redis

from app.domain import EmbeddingModel, NewDocument, Passage
from app.stores.index.faiss_index import FaissDocumentIndex

DIMENSION = 256
_KEYS_BATCH = 20_000
_PASSAGES = 500
_SEED = 20261123


def fill_keys(port: int, password: str, first: int, count: int) -> None:
    """Write `count` small keys, from number `first`."""
    client = redis.Redis(port=port, password=password)
    for start in range(first, first + count, _KEYS_BATCH):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, start + _KEYS_BATCH):
                pipeline.set(f"bench:{number}", f"value of the key {number}")
            pipeline.execute()


def fill_collection(data_dir: Path, first: int, passages: int) -> None:
    """Add documents of 500 passages with random unit vectors (stated seed), from document `first`."""
    random = np.random.default_rng(_SEED + first)
    model = EmbeddingModel("bench", DIMENSION, normalised=True)
    index = FaissDocumentIndex.open(data_dir, "documents", model, merge_behind=False)
    text = "x" * _PASSAGES
    for number in range(first, first + passages // _PASSAGES):
        vectors = random.standard_normal((_PASSAGES, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cut = [Passage(at, at + 1, "x", vector) for at, vector in enumerate(vectors)]
        index.add([NewDocument(id=f"document-{number}", title=f"{number}", text=text, passages=cut)])
    index.maybe_merge()
    index.close()
