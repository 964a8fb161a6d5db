"""Finds the passages that are nearest to a text or a vector."""

from collections.abc import Sequence

import numpy as np

from app.answering.threads import Threads
from app.domain import Hit
from app.inference.embedder import Embedder
from app.stores.index.port import DocumentIndex


class Search:
    """Search over the passages of the index."""

    def __init__(self, index: DocumentIndex, embedder: Embedder, threads: Threads) -> None:
        self._index = index
        self._embedder = embedder
        self._threads = threads

    async def by_text(self, text: str, *, limit: int) -> Sequence[Hit]:
        """Return up to `limit` passages, best first. Raises ModelUnavailableError, StoreUnavailableError."""
        return await self._threads.run(self._embed_and_search, text, limit)

    async def by_vector(self, vector: Sequence[float], *, limit: int) -> Sequence[Hit]:
        """Return up to `limit` passages, best first. Raises ModelMismatchError on another dimension."""
        return await self._threads.run(self._index.search, np.asarray(vector, dtype=np.float32), limit=limit)

    def _embed_and_search(self, text: str, limit: int) -> Sequence[Hit]:
        return self._index.search(self._embedder.embed([text])[0], limit=limit)
