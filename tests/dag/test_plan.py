"""The plan of a job: order, selection, and what it shows."""

import pytest

from pipelines.dag.errors import JobError
from pipelines.dag.plan import Plan, Step, described, in_words, planned, selected


def three() -> Plan:
    """Return a plan of a, b after a, and c."""
    return planned(
        "job", (Step("a", "does a"), Step("b", "does b", ("a",), effects=("a disk",)), Step("c", "c"))
    )


def test_a_step_is_listed_after_what_it_needs() -> None:
    """Neither a step that comes later, nor one that is not there, nor the same name twice."""
    for steps in (
        (Step("b", "", ("a",)), Step("a", "")),
        (Step("b", "", ("x",)),),
        (Step("a", ""), Step("a", "")),
    ):
        with pytest.raises(JobError, match="cannot be placed"):
            planned("job", steps)


def test_only_keeps_what_is_named_and_what_that_needs() -> None:
    """The rest says why it is left out."""
    chosen = selected(three(), only=("b",))
    assert [step.name for step in chosen.to_run] == ["a", "b"]
    assert chosen.skipped == {"c": "not among --only"}


def test_skip_leaves_out_what_needs_the_skipped_one() -> None:
    """With the reason."""
    chosen = selected(three(), skip=("a",))
    assert [step.name for step in chosen.to_run] == ["c"]
    assert chosen.skipped == {"a": "asked for with --skip", "b": "needs a"}


@pytest.mark.parametrize("words", [{"only": ("x",)}, {"skip": ("x",)}, {"skip": ("a", "c")}])
def test_a_name_that_is_no_step_and_an_empty_selection_are_refused(words: dict[str, tuple[str, ...]]) -> None:
    """Nothing to run is no success."""
    with pytest.raises(JobError):
        selected(three(), **words)


def test_the_plan_tells_of_each_step() -> None:
    """In words and as data: name, needs, effects, reason."""
    chosen = selected(three(), skip=("c",))
    words = in_words(chosen)
    assert "b: does b\n    after    a\n    changes  a disk" in words
    assert "[skipped: asked for with --skip]" in words
    steps = described(chosen)["steps"]
    assert isinstance(steps, list)
    assert [(step["name"], step["skipped"]) for step in steps] == [
        ("a", None),
        ("b", None),
        ("c", "asked for with --skip"),
    ]
