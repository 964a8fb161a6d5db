"""Passages: in bounds, nothing lost, cut where a reader would cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.answering.splitting import LEAST, TARGET, split

_TEXTS = st.lists(
    st.one_of(
        st.text(max_size=400), st.sampled_from(["\n\n", ". ", "word " * 60, "x" * 1000, "A sentence. " * 30])
    ),
    max_size=12,
).map("".join)


@given(_TEXTS)
def test_every_character_is_in_a_passage(text: str) -> None:
    """Passages go forward, are never empty, stay in bounds, and leave only white space out."""
    spans = list(split(text))

    covered: set[int] = set()
    for span in spans:
        assert text[span.start : span.end].strip() == text[span.start : span.end] != ""
        assert span.end - span.start <= TARGET
        covered.update(range(span.start, span.end))
    assert all(text[at].isspace() for at in range(len(text)) if at not in covered)
    assert [span.start for span in spans] == sorted({span.start for span in spans})


def test_passages_end_at_sentences_and_overlap() -> None:
    """A text of sentences is cut between them, and the next passage repeats the last ones."""
    text = "".join(f"This is the sentence number {number} of a long text. " for number in range(100))

    spans = list(split(text))

    assert all(text[span.end - 1] == "." for span in spans)
    assert all(text[span.start : span.start + 4] == "This" for span in spans)
    assert all(LEAST - 2 < span.end - span.start <= TARGET for span in spans[:-1])
    assert all(after.start < before.end for before, after in pairwise(spans))


def test_a_paragraph_is_the_best_place_to_cut() -> None:
    """An empty line is taken before a later end of a sentence."""
    text = "a sentence. " * 55 + "\n\n" + "b sentence. " * 55

    first = next(split(text))

    assert text[first.start : first.end].endswith("a sentence.")
