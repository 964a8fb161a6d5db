"""The port of what turns texts into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from app.domain import EmbeddingModel, Vectors


class Embedder(Protocol):
    """Turns texts into vectors. Blocking and thread-safe."""

    @property
    def model(self) -> EmbeddingModel:
        """Say which model it is. Raises ModelUnavailableError when that must be asked and cannot."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, in order. Raises ModelUnavailableError."""

    def check(self) -> None:
        """Return when it could embed now. Raises ModelUnavailableError."""

    def close(self) -> None:
        """Release connections; safe to call twice."""


def normalised(vectors: Vectors) -> Vectors:
    """Scale each row to length 1; a row of zeros stays one, as it is near to nothing."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
