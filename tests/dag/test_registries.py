"""Where a release would go is looked at before its gates, by the rules of the command that pushes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dag.errors import JobError
from pipelines.dag.registries import check_place
from pipelines.ops.errors import UsageError
from pipelines.ops.images.reference import parse_reference
from tests.dag.test_jobs import job

GOOD = ("registry.example/team", "1.2.3")
CASES = {
    GOOD: True,
    ("localhost:5000", "latest"): True,
    ("[::1]:5000/team/below", "v1"): True,
    ("registry.example/team", "feature/one"): False,
    ("registry.example/team", ""): False,
    ("registry.example/team", "x" * 129): False,
    ("registry.example/team/", "1"): False,
    ("registry.example/Team", "1"): False,
    ("https://registry.example", "1"): False,
    ("team", "1"): False,
    ("localhosts/team", "1"): False,
}


def taken(registry: str, tag: str) -> bool:
    """Whether the job would begin."""
    try:
        check_place(registry, (tag,))
    except JobError:
        return False
    return True


def pushed(registry: str, tag: str) -> bool:
    """Whether the command would push."""
    try:
        parse_reference(f"{registry}/synapse-backend", (tag,))
    except UsageError:
        return False
    return True


@pytest.mark.parametrize(("place", "good"), CASES.items())
def test_what_cannot_be_pushed_to_is_refused(place: tuple[str, str], good: bool) -> None:
    """By the job as by the command."""
    assert (taken(*place), pushed(*place)) == (good, good)


@given(
    st.sampled_from(["localhost", "registry.example", "host:5000", "[::1]:5", "host", "host:", "https:", ""]),
    st.lists(st.text("aZ0._-", max_size=3), max_size=2),
    st.text("aZ0._-/:", max_size=2),
)
def test_job_and_command_agree(host: str, folders: list[str], tag: str) -> None:
    """Whatever is typed."""
    registry = "/".join([host, *folders])
    assert taken(registry, tag) == pushed(registry, tag)


def test_a_release_asks_before_its_gates() -> None:
    """Code 2, and what was typed: the name of a branch is not always a tag."""
    ended = job("release", "--registry", GOOD[0], "--tag", "1", "--tag", "feature/one")
    assert ended.returncode == 2
    assert "'feature/one' is no tag." in ended.stderr
