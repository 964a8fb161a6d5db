"""Both embedders: the one in the process, offline, and the one that asks a server."""

import socket

import numpy as np
import pytest

from app.domain import ModelMismatchError
from app.inference.embedded import WordLlamaEmbedder
from app.inference.errors import ModelLoadingError, ModelUnavailableError
from app.inference.remote import RemoteEmbedder
from tests.app.doubles import model_serving


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection and look-up fail."""

    def refuse(*_args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_embedded_model_needs_no_network_and_knows_what_is_near(no_network: None) -> None:
    """256 numbers of length 1; a loop is nearer to iteration than to a bank."""
    embedder = WordLlamaEmbedder()

    vectors = embedder.embed(["a loop over a list", "iterate through a sequence", "a bank gives credit"])

    assert vectors.shape == (3, embedder.model.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_the_embedded_model_takes_no_text_and_empty_texts() -> None:
    """Nothing gives nothing; an empty text gives a finite vector."""
    embedder = WordLlamaEmbedder()

    assert embedder.embed([]).shape == (0, 256)
    assert np.isfinite(embedder.embed([""])).all()


def test_a_server_is_asked_in_batches_and_put_in_order() -> None:
    """The dimension is learnt by one question; rows come back by their index, with length 1."""
    with model_serving() as server:
        embedder = RemoteEmbedder(server.url, "bge", "key")
        texts = [f"text {number}" for number in range(70)]
        vectors = embedder.embed(texts)
        again = embedder.embed([texts[69]])
        embedder.close()

    assert embedder.model.dimension == server.dimension
    assert vectors.shape == (70, 8)
    assert np.allclose(vectors[69], again[0])
    assert [len(str(asked["input"]).split(",")) for asked in server.asked] == [1, 32, 32, 6, 1]
    assert set(server.keys) == {"Bearer key"}


@pytest.mark.parametrize(
    ("mode", "said"),
    [("shape", "cannot be used"), ("count", "cannot be used"), ("html", "cannot be used"), ("error", "404")],
)
def test_nonsense_from_a_server_is_told(mode: str, said: str) -> None:
    """Another shape, another count, another format and a refusal each name the server."""
    with model_serving(mode) as server:
        embedder = RemoteEmbedder(server.url, "bge")
        with pytest.raises(ModelUnavailableError, match=said) as caught:
            embedder.embed(["one", "two"])
        embedder.close()

    assert server.url in caught.value.what


def test_another_dimension_than_before_is_refused() -> None:
    """A server that was started again with another model cannot mix its vectors in."""
    with model_serving("wider") as server:
        embedder = RemoteEmbedder(server.url, "bge")
        with pytest.raises(ModelMismatchError, match="9 numbers"):
            embedder.embed(["one"])
        embedder.close()


def test_a_server_that_is_not_there_is_told() -> None:
    """The address is in the sentence."""
    embedder = RemoteEmbedder("http://127.0.0.1:9", "bge")

    with pytest.raises(ModelUnavailableError, match=r"127\.0\.0\.1:9 cannot be reached"):
        embedder.embed(["one"])
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        embedder.check()
    embedder.close()


def test_a_server_that_loads_is_told_apart() -> None:
    """While a model is loaded its server is there but cannot answer."""
    with model_serving("loading") as server:
        embedder = RemoteEmbedder(server.url, "bge")
        with pytest.raises(ModelLoadingError):
            embedder.check()
        embedder.close()
