"""What an answer is made of, and how it is kept in the cache and in a session."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from app.domain import Hit, Turn


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `limit` is how many passages it is answered from."""

    text: str
    session_id: str | None = None
    limit: int = 5


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer rests on; `number` is what the text of the answer calls it."""

    number: int
    document_id: str
    title: str
    start: int
    end: int
    score: float
    passage: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it rests on. `model` is None when passages are quoted without a model."""

    text: str
    citations: Sequence[Citation]
    generation: str
    model: str | None
    cached: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cited:
    """First event of an answer: the passages that it will rest on."""

    citations: Sequence[Citation]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The pieces so far are void: the model failed and what follows is the answer instead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """Last event of an answer: all of it."""

    answer: Answer


Event = Cited | Delta | Restarted | Done


@dataclass(frozen=True, slots=True)
class Written:
    """The text as the writer made it; `model` is None when it only quotes."""

    text: str
    model: str | None
    notes: Sequence[str] = ()


def cite(hits: Sequence[Hit]) -> list[Citation]:
    """Return the hits as citations, numbered from 1."""
    return [
        Citation(number, hit.document_id, hit.title, hit.start, hit.end, hit.score, hit.text)
        for number, hit in enumerate(hits, start=1)
    ]


def turn(question: Question, answer: Answer, asked: datetime) -> Turn:
    """Return an answer as a session keeps it."""
    citations = [asdict(citation) for citation in answer.citations]
    return Turn(question.text, answer.text, citations, asked, answer.model)


def to_cache(answer: Answer) -> bytes:
    """Write an answer for the cache."""
    return json.dumps(asdict(answer)).encode()


def from_cache(kept: bytes) -> Answer | None:
    """Read an answer from the cache, flagged as such; None when it is of another version of the program."""
    try:
        fields = json.loads(kept)
        cited = [Citation(**citation) for citation in fields.pop("citations")]
        return Answer(**fields | {"citations": cited, "cached": True})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
