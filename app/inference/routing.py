"""Chooses the model server of a question: the first, in the order of their names, that begins to answer."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from app.inference.chat import ChatServer, Message
from app.inference.errors import ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer and the server it comes from."""

    model: str
    text: str


class ModelRouter:
    """Several model servers as one."""

    def __init__(self, servers: Sequence[ChatServer]) -> None:
        self.servers = tuple(servers)

    @property
    def name(self) -> str:
        """Name all servers in order: what an answer may come from."""
        return ",".join(server.name for server in self.servers)

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Piece]:
        """Yield an answer of the first server that begins one; another is tried only before that.

        Raises ModelUnavailableError when none begins, and what ChatServer.stream raises.
        """
        reasons: list[str] = []
        for server in self.servers:
            try:
                async with aclosing(server.stream(messages)) as pieces:
                    async for text in pieces:
                        yield Piece(server.name, text)
                    return
            except ModelUnavailableError as error:
                reasons.append(error.what)
        raise ModelUnavailableError(
            " ".join(reasons) or "No model server is configured.",
            "Start a model server and name it in a MODEL_<NAME>_URL variable.",
        )
