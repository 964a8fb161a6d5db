"""Chat servers: streaming, and another server only before the first piece."""

import httpx
import pytest

from app.inference.chat import ChatServer, Message
from app.inference.errors import AnswerInterruptedError, ContextTooLongError, ModelUnavailableError
from app.inference.routing import ModelRouter
from tests.app.doubles import ModelServer, model_serving

pytestmark = pytest.mark.anyio
_ASKED = [Message("user", "What colour is the parrot?")]


async def _all(*servers: ModelServer) -> list[tuple[str, str]]:
    async with httpx.AsyncClient() as client:
        router = ModelRouter([ChatServer(server.mode, server.url, client, "key") for server in servers])
        return [(piece.model, piece.text) async for piece in router.stream(_ASKED)]


async def test_an_answer_comes_in_pieces() -> None:
    """The conversation and the key go out, the pieces come back in order."""
    with model_serving() as server:
        pieces = await _all(server)

    assert pieces == [("ok", "The parrot"), ("ok", " is"), ("ok", " blue [1].")]
    assert server.asked[0]["messages"] == [{"role": "user", "content": "What colour is the parrot?"}]
    assert server.keys == ["Bearer key"]


@pytest.mark.parametrize("mode", ["loading", "error", "silent", "empty"])
async def test_the_next_server_is_asked_before_the_first_piece(mode: str) -> None:
    """A server that loads, fails or says nothing is passed over."""
    with model_serving(mode) as broken, model_serving() as whole:
        pieces = await _all(broken, ModelServer("gone", "http://127.0.0.1:9"), whole)

    assert {model for model, _ in pieces} == {"ok"}


async def test_no_other_server_is_asked_after_the_first_piece() -> None:
    """Half an answer is never continued by another model."""
    with model_serving("dies") as broken, model_serving() as whole:
        with pytest.raises(AnswerInterruptedError):
            await _all(broken, whole)
        assert whole.asked == []


async def test_a_prompt_that_does_not_fit_is_not_tried_again() -> None:
    """The same prompt would not fit the next time either."""
    with model_serving("overflow") as small, model_serving() as whole:
        with pytest.raises(ContextTooLongError):
            await _all(small, whole)
        assert (len(small.asked), len(whole.asked)) == (1, 0)


async def test_without_a_server_the_remedy_is_told() -> None:
    """The variable to set is named."""
    with pytest.raises(ModelUnavailableError, match="MODEL_<NAME>_URL"):
        await _all()
