"""Answers a question: session and cache, search, writer, and what is kept of it."""

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from app.answering.model import (
    Answer,
    Cited,
    Delta,
    Done,
    Event,
    Question,
    Written,
    cite,
    from_cache,
    to_cache,
    turn,
)
from app.answering.prompt import REMEMBERED_TURNS, search_text
from app.answering.recall import Recall
from app.answering.search import Search
from app.answering.threads import Threads
from app.answering.writer import Writer
from app.domain import Generation, Turn
from app.stores.index.port import DocumentIndex


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with what was known when it was asked."""

    question: Question
    turns: Sequence[Turn]
    generation: Generation
    recall: Recall


class Answering:
    """Questions in, answers out, as a stream of events that ends with `Done`.

    `new_recall` gives the memory of one question; `cache_seconds` 0 turns the cache off.
    """

    def __init__(
        self,
        index: DocumentIndex,
        search: Search,
        writer: Writer,
        threads: Threads,
        *,
        new_recall: Callable[[], Recall],
        clock: Callable[[], datetime],
        cache_seconds: int,
    ) -> None:
        self._index = index
        self._search = search
        self._writer = writer
        self._threads = threads
        self._new_recall = new_recall
        self._clock = clock
        self._cache_seconds = cache_seconds

    async def answer(self, question: Question) -> Answer:
        """Return the whole answer.

        Raises ModelUnavailableError (the embedder) and StoreUnavailableError (the index).
        """
        async with aclosing(self.stream(question)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("an answer always ends with Done")

    async def stream(self, question: Question) -> AsyncGenerator[Event]:
        """Yield the answer as it comes; it is kept only when it is complete. Raises as `answer`."""
        asked = await self._ask(question)
        key = self._key(asked)
        kept = await asked.recall.cached(key) if self._cache_seconds else None
        answer = from_cache(kept) if kept else None
        if answer:
            yield Cited(answer.citations)
            yield Delta(answer.text)
            yield Done(await self._kept(asked, answer))
            return
        async with aclosing(self._new(asked, key)) as events:
            async for event in events:
                yield event

    async def _ask(self, question: Question) -> _Asked:
        recall = self._new_recall()
        turns = await recall.turns(question.session_id) if question.session_id else ()
        generation = await self._threads.run(self._index.generation)
        return _Asked(question, turns[-REMEMBERED_TURNS:], generation, recall)

    async def _new(self, asked: _Asked, key: str) -> AsyncGenerator[Event]:
        text = asked.question.text
        hits = await self._search.by_text(search_text(text, asked.turns), limit=asked.question.limit)
        cited = cite(hits)
        yield Cited(cited)
        async with aclosing(self._writer.write(text, hits, asked.turns)) as events:
            async for event in events:
                if not isinstance(event, Written):
                    yield event
                    continue
                answer = Answer(
                    event.text, cited, str(asked.generation), model=event.model, notes=event.notes
                )
                if await self._lasting(asked, answer):
                    await asked.recall.cache(key, to_cache(answer), seconds=self._cache_seconds)
                yield Done(await self._kept(asked, answer))

    async def _kept(self, asked: _Asked, answer: Answer) -> Answer:
        """Append the answer to its session; return it with what could not be done."""
        if asked.question.session_id:
            await asked.recall.remember(
                asked.question.session_id, turn(asked.question, answer, self._clock())
            )
        return replace(answer, notes=(*answer.notes, *asked.recall.notes))

    async def _lasting(self, asked: _Asked, answer: Answer) -> bool:
        """Tell whether it is the answer of that generation, and no makeshift while models are down."""
        makeshift = self._writer.has_models and answer.model is None
        if not self._cache_seconds or makeshift:
            return False
        return await self._threads.run(self._index.generation) == asked.generation

    def _key(self, asked: _Asked) -> str:
        parts = [
            str(asked.generation),
            self._writer.name,
            " ".join(asked.question.text.split()).casefold(),
            asked.question.limit,
            [[earlier.question, earlier.answer] for earlier in asked.turns],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
