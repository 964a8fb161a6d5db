"""Writes an answer from passages: with a model server, or by quoting when there is none."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from app.answering.extract import extract
from app.answering.model import Delta, Restarted, Written
from app.answering.prompt import conversation
from app.domain import Hit, Turn
from app.inference.errors import AnswerInterruptedError, ContextTooLongError, ModelUnavailableError
from app.inference.routing import ModelRouter

NO_MODEL = "No model server is configured: the passages themselves are quoted."
QUOTED = "The passages themselves are quoted."


class Writer:
    """The model servers, and what is done without them. Never fails for want of a model."""

    def __init__(self, models: ModelRouter) -> None:
        self._models = models

    @property
    def name(self) -> str:
        """Name the models that an answer may come from; it is part of what a cached answer depends on."""
        return self._models.name

    @property
    def has_models(self) -> bool:
        """Tell whether any model server is configured."""
        return bool(self._models.servers)

    async def write(
        self, question: str, hits: Sequence[Hit], turns: Sequence[Turn]
    ) -> AsyncGenerator[Delta | Restarted | Written]:
        """Yield the text as it comes, last `Written`."""
        if not hits or not self.has_models:
            notes = () if self.has_models else (NO_MODEL,)
        else:
            begun = False
            try:
                async with aclosing(self._generate(question, hits, turns)) as events:
                    async for event in events:
                        begun = True
                        yield event
            except (ModelUnavailableError, ContextTooLongError, AnswerInterruptedError) as error:
                notes = (f"{error.what} {QUOTED}",)
                if begun:
                    yield Restarted(notes[0])
            else:
                return
        quoted = extract(question, hits)
        yield Delta(quoted)
        yield Written(quoted, None, notes)

    async def _generate(
        self, question: str, hits: Sequence[Hit], turns: Sequence[Turn]
    ) -> AsyncGenerator[Delta | Written]:
        text, model = "", ""
        async with aclosing(self._models.stream(conversation(question, hits, turns))) as pieces:
            async for piece in pieces:
                text, model = text + piece.text, piece.model
                yield Delta(piece.text)
        yield Written(text, model)
