"""The embedder that needs no server and no network: WordLlama, whose weights come with its package."""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from app.domain import EmbeddingModel, Vectors
from app.inference.embedder import normalised
from app.inference.errors import ModelUnavailableError


class WordLlamaEmbedder:
    """Static word vectors, averaged and normalised. Loaded at the first use, once."""

    model = EmbeddingModel("wordllama-l2-supercat-256", dimension=256, normalised=True)

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded: Any = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, in order."""
        if not texts:
            return np.empty((0, self.model.dimension), dtype=np.float32)
        # A text without a token has no average; a space has one.
        return normalised(self._inference().embed([text or " " for text in texts]))

    def check(self) -> None:
        """Load the weights if that has not been done."""
        self._inference()

    def close(self) -> None:
        """Hold nothing that must be released."""

    def _inference(self) -> Any:  # noqa: ANN401  # the package ships no types
        with self._loading:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded


def _load() -> Any:  # noqa: ANN401  # the package ships no types
    # Imported here, as it costs a quarter of a second that a remote embedder need not pay.
    from wordllama import WordLlama  # noqa: PLC0415  # see above

    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise ModelUnavailableError("The package wordllama has no folder.", "Install it again.")
    try:
        # Its own look-up misses the tokenizer beside the weights, unless that folder is the cache.
        return WordLlama.load(cache_dir=Path(spec.origin).parent, disable_download=True)
    except FileNotFoundError as error:
        raise ModelUnavailableError(
            f"The weights of wordllama are missing: {error}",
            "Install the package wordllama again; they are part of it.",
        ) from error
