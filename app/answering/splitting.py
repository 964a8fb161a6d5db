"""Cuts a text into overlapping passages at paragraphs, sentences or words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TARGET = 900
"""Characters of a passage at most."""

LEAST = 600
"""Characters of a passage at least, where the text is longer than that."""

OVERLAP = 150
"""Characters that a passage may share with the one before, so that no sentence is lost at a seam."""

_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?][\"')\]]*\s+"), re.compile(r"\s+"))
"""Where a passage may end, the best first: a paragraph, a sentence, a word."""


@dataclass(frozen=True, slots=True)
class Span:
    """A passage by its character offsets, without white space at its edges."""

    start: int
    end: int


def split(text: str) -> Iterator[Span]:
    """Yield passages that together hold every character of `text` but white space, in order."""
    start = _skip(text, 0)
    while start < len(text):
        end = _end(text, start)
        yield Span(start, start + len(text[start:end].rstrip()))
        after = _skip(text, end)
        if after >= len(text):
            return
        start = _overlapping(text, start, end, after)


def _end(text: str, start: int) -> int:
    if len(text) - start <= TARGET:
        return len(text)
    for boundary in _ENDS:
        ends = [match.end() for match in boundary.finditer(text, start + LEAST, start + TARGET)]
        if ends:
            return ends[-1]
    return start + TARGET


def _overlapping(text: str, start: int, end: int, after: int) -> int:
    """Begin at the first sentence within the overlap, at a word if there is none."""
    earliest = max(start + 1, end - OVERLAP)
    for boundary in _ENDS[1:]:
        for match in boundary.finditer(text, earliest, end):
            if match.end() < end:
                return match.end()
    return after


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
