"""Canaries compare answers as numbers of other processors do: near scores are equal, equals may swap."""

import re
from typing import Any

import pytest

from pipelines.ops.capture.canaries import compare
from pipelines.ops.faiss.loading import Answer
from pipelines.ops.model import Canary


def canary(*hits: tuple[int, float], vector: str = "AAAA") -> Canary:
    """Return a stored answer."""
    return Canary(vector=vector, ids=tuple(i for i, _ in hits), scores=tuple(s for _, s in hits))


def answer(*hits: tuple[int, float], vector: str = "AAAA") -> Answer:
    """Return a found answer."""
    return Answer(vector=vector, ids=tuple(i for i, _ in hits), scores=tuple(s for _, s in hits))


FIVE = ((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6), (5, 0.5))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(FIVE, id="same"),
        pytest.param((*FIVE, (6, 0.4)), id="one more was asked"),
        pytest.param(tuple((i, s + 0.00005) for i, s in FIVE), id="rounding"),
    ],
)
def test_equal(found: Any) -> None:
    """These are the same answer."""
    assert compare([canary(*FIVE)], [answer(*found)]) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(((9, 0.9), *FIVE[1:]), r"finds \[9\] instead of \[1\]", id="other id"),
        pytest.param((*FIVE[:4], (9, 0.5), (5, 0.4)), r"finds \[9\] instead of \[5\]", id="other last id"),
        pytest.param(((1, 0.95), *FIVE[1:]), "scores 0.95 instead of 0.9 at place 1", id="other score"),
        pytest.param((FIVE[1], FIVE[0], *FIVE[2:]), "scores 0.8", id="swapped"),
        pytest.param(FIVE[:4], "finds 4 instead of 5", id="fewer"),
    ],
)
def test_different(found: Any, said: str) -> None:
    """These are not, and the difference is said."""
    (problem,) = compare([canary(*FIVE)], [answer(*found)])
    assert problem.startswith("canary 1 ")
    assert re.search(said, problem)


def test_equals_may_swap() -> None:
    """Hits of equal score may come in any order."""
    assert compare([canary((1, 0.9), (2, 0.9))], [answer((2, 0.9), (1, 0.9))]) == []


def test_equals_must_be_the_same() -> None:
    """Hits of equal score must still be the same ones."""
    assert compare([canary((1, 0.9), (2, 0.9))], [answer((2, 0.9), (3, 0.9))])


def test_tie_at_the_cut() -> None:
    """Which of several equals takes the last place is chance, when the next one shows that it was a tie."""
    assert compare([canary(*FIVE)], [answer(*FIVE[:4], (6, 0.5), (5, 0.5))]) == []


def test_more_than_there_was() -> None:
    """An index of three vectors that answers with four is another one."""
    assert compare([canary(*FIVE[:3])], [answer(*FIVE[:4])])


def test_missing_and_foreign_answers() -> None:
    """Every canary must be answered, and its own question."""
    assert compare([canary(*FIVE)], []) == ["0 canaries were answered instead of 1"]
    assert compare([canary(*FIVE)], [answer(*FIVE, vector="BBBB")])
