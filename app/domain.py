"""The nouns of the answer engine, shared by every layer: documents, passages, hits, sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.errors import SynapseError

Vector: TypeAlias = NDArray[np.float32]
"""One embedding: shape (dimension,), float32, L2-normalised when its model says so."""

Vectors: TypeAlias = NDArray[np.float32]
"""Several embeddings: shape (count, dimension), float32."""


class DocumentNotFoundError(SynapseError):
    """No document of that id is in the collection."""


class DocumentRefusedError(SynapseError):
    """A document cannot be taken as it is (empty, too large, not text, id already used)."""


class ModelMismatchError(SynapseError):
    """The embedding model or its dimension is not the one that the index was built with."""


class StoreUnavailableError(SynapseError):
    """A store cannot be reached, or is being restored and takes no writes for now."""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What an index was embedded with; two indexes are comparable only when these are equal."""

    name: str
    dimension: int
    normalised: bool


@dataclass(frozen=True, slots=True)
class Generation:
    """The state of a collection: `epoch` changes at restore and rebuild, `sequence` at every write.

    It is part of every cache key and cursor, so an answer of another state is never served.
    """

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that is embedded and cited; `start` and `end` are character offsets."""

    start: int
    end: int
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document with its embedded passages, ready to be stored."""

    id: str
    title: str
    text: str
    passages: Sequence[Passage]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document. `sequence` is the write that added it."""

    id: str
    title: str
    text: str
    metadata: Mapping[str, str]
    sequence: int
    added: datetime
    passages: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found by a search; a higher `score` is nearer (inner product)."""

    passage_id: int
    document_id: str
    title: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer in a session.

    `model` wrote it; None when passages are quoted, or when it was kept before the name was.
    """

    question: str
    answer: str
    citations: Sequence[Mapping[str, str | float | int]]
    asked: datetime
    model: str | None = None
