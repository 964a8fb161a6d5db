"""Answers without a model: quotes the sentences that share most words with the question."""

import re
from collections.abc import Sequence

from app.domain import Hit

_QUOTED = 3
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
NOTHING = "Nothing in the documents is about this."


def extract(question: str, hits: Sequence[Hit]) -> str:
    """Return up to three quotes with the numbers of their passages, best passage first."""
    asked = _words(question)
    quotes = [
        f"{_best_sentence(asked, hit.text)} [{number}]" for number, hit in enumerate(hits[:_QUOTED], start=1)
    ]
    return "\n\n".join(quotes) or NOTHING


def _best_sentence(asked: set[str], passage: str) -> str:
    sentences = [" ".join(sentence.split()) for sentence in _SENTENCE.split(passage) if sentence.strip()]
    return max(sentences, key=lambda sentence: len(asked & _words(sentence)))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2}  # noqa: PLR2004  # "of" says nothing
