"""Canaries: questions asked at capture, whose answers a proof expects again."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from pipelines.ops.faiss.loading import Answer, Questions
from pipelines.ops.model import Canary

COUNT = 8
STRANGE = 2
"""So many of the questions are pseudo-random, not vectors of the index."""
HITS = 5
TOLERANCE = 1e-4
"""Relative to the largest score of an answer: other processors sum in another order."""
_LEAST = 1e-6


def new_questions() -> Questions:
    """Ask the loader to choose the questions."""
    return Questions(choose=COUNT, pseudo_random=STRANGE, limit=HITS)


def stored_questions(canaries: Sequence[Canary]) -> Questions:
    """Ask again what was asked at capture, and one hit more: it shows whether the last place was a tie."""
    return Questions(vectors=tuple(canary.vector for canary in canaries), limit=HITS + 1)


def canaries_from(answers: Sequence[Answer]) -> tuple[Canary, ...]:
    """Keep answers for the manifest."""
    return tuple(Canary(vector=found.vector, ids=found.ids, scores=found.scores) for found in answers)


def compare(expected: Sequence[Canary], found: Sequence[Answer]) -> list[str]:
    """Say which canaries are answered otherwise than at capture; hits of equal score may change places."""
    if len(expected) != len(found):
        return [f"{len(found)} canaries were answered instead of {len(expected)}"]
    pairs = enumerate(zip(expected, found, strict=True), start=1)
    return [f"canary {number} {said}" for number, (one, other) in pairs if (said := _difference(one, other))]


def _difference(expected: Canary, found: Answer) -> str | None:
    size = len(expected.ids)
    if expected.vector != found.vector:
        return "was answered for another question"
    if len(found.ids) < size or (size < HITS and len(found.ids) > size):
        return f"finds {len(found.ids)} instead of {size}"
    near = _nearness(expected.scores)
    for place, (before, now) in enumerate(zip(expected.scores, found.scores[:size], strict=True), start=1):
        if not abs(before - now) <= near:
            return f"scores {now:g} instead of {before:g} at place {place}"
    cut_in_tie = len(found.ids) > size and abs(found.scores[size] - found.scores[size - 1]) <= near
    for start, end in _ties(expected.scores, near):
        if end == size and cut_in_tie:
            continue  # which of the equals came in is chance
        if sorted(expected.ids[start:end]) != sorted(found.ids[start:end]):
            return f"finds {list(found.ids[start:end])} instead of {list(expected.ids[start:end])}"
    return None


def _nearness(scores: Sequence[float]) -> float:
    largest = max((abs(score) for score in scores), default=0.0)
    return max(TOLERANCE * largest, _LEAST) if math.isfinite(largest) else math.nan


def _ties(scores: Sequence[float], near: float) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each run of scores in which neighbours are equal."""
    run = [0]
    for before, after in pairwise(scores):
        run.append(run[-1] + (abs(after - before) > near))
    places = groupby(range(len(scores)), key=run.__getitem__)
    for _, members in places:
        these = list(members)
        yield these[0], these[-1] + 1
