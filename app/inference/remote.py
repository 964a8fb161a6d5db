"""The embedder that asks a server: `/v1/embeddings`, as OpenAI and llama.cpp (`--embeddings`) have it."""

import threading
from collections.abc import Sequence

import httpx
import numpy as np

from app.domain import EmbeddingModel, ModelMismatchError, Vectors
from app.inference.embedder import normalised
from app.inference.errors import ContextTooLongError, ModelUnavailableError
from app.inference.reachability import authorisation, check_request, judge, unreachable

_BATCH = 32
_TIMEOUT = httpx.Timeout(60.0, connect=3.0)


class RemoteEmbedder:
    """Vectors of one server and model, normalised here; the dimension is learnt by asking once.

    `url` is the address without `/v1/embeddings`; `model` is the name that the server knows it by.
    """

    def __init__(self, url: str, model: str, api_key: str | None = None) -> None:
        self._url = url.removesuffix("/v1")
        self._name = model
        self._api_key = api_key
        self._client = httpx.Client(timeout=_TIMEOUT, headers=authorisation(api_key), trust_env=False)
        self._probing = threading.Lock()
        self._model: EmbeddingModel | None = None

    @property
    def model(self) -> EmbeddingModel:
        """Name, and the dimension that the server gives."""
        with self._probing:
            if self._model is None:
                dimension = self._ask(["dimension"]).shape[1]
                self._model = EmbeddingModel(self._name, dimension=dimension, normalised=True)
            return self._model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, in order. Raises ModelUnavailableError and ModelMismatchError."""
        dimension = self.model.dimension
        vectors = np.empty((len(texts), dimension), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            part = self._ask(texts[start : start + _BATCH])
            if part.shape[1] != dimension:
                raise ModelMismatchError(
                    f"The server {self._url} gave {part.shape[1]} numbers a vector, before {dimension}.",
                    "Serve the model again that the index was built with, or rebuild the index.",
                )
            vectors[start : start + len(part)] = part
        return normalised(vectors)

    def check(self) -> None:
        """Ask the server whether it could embed now."""
        try:
            judge(self._url, self._client.send(check_request(self._url, self._api_key)))
        except httpx.HTTPError as error:
            raise unreachable(self._url, error) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, texts: Sequence[str]) -> Vectors:
        try:
            response = self._client.post(
                f"{self._url}/v1/embeddings", json={"model": self._name, "input": list(texts)}
            )
        except httpx.HTTPError as error:
            raise unreachable(self._url, error) from error
        self._refuse(response)
        return _vectors(self._url, response, len(texts))

    def _refuse(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        if "exceed_context_size_error" in response.text:
            raise ContextTooLongError(
                f"A passage is too long for the embedding server {self._url}.",
                "Serve the model with a larger context and batch (llama.cpp: -c and -ub).",
            )
        raise ModelUnavailableError(
            f"The embedding server {self._url} answers {response.status_code}: {response.text[:200]}",
            "Check EMBEDDING_MODEL and EMBEDDING_API_KEY; llama.cpp needs --embeddings.",
        )


def _vectors(url: str, response: httpx.Response, count: int) -> Vectors:
    try:
        rows = sorted(response.json()["data"], key=lambda row: row["index"])
        vectors = np.asarray([row["embedding"] for row in rows], dtype=np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise _nonsense(url, repr(error)) from error
    if vectors.shape[:1] != (count,) or len(vectors.shape[1:]) != 1 or not np.isfinite(vectors).all():
        raise _nonsense(url, f"{count} vectors were asked for, the answer has the shape {vectors.shape}")
    return vectors


def _nonsense(url: str, reason: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The embedding server {url} gave an answer that cannot be used: {reason}.",
        "Check that EMBEDDING_URL is a server with /v1/embeddings and one vector per text.",
    )
