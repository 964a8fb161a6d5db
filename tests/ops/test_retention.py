"""A policy keeps what it says, with reasons, and never removes the last good point."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ops.retention import Candidate, Decision, Policy, State, retention

NOW = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
AHEAD = timedelta(minutes=10)
HOUR = timedelta(hours=1)
P, U, D, X = State.PROVEN, State.UNPROVEN, State.DAMAGED, State.UNREADABLE


def point(name: str, ago: timedelta, state: State = P, group: str = "both") -> Candidate:
    """Make a point that began so long ago."""
    return Candidate(name, NOW - ago, (group,), state)


def kept(points: Sequence[Candidate], policy: Policy, now: datetime = NOW) -> dict[str, tuple[str, ...]]:
    """Return the kept points' ids and reasons."""
    return {one.point.id: one.reasons for one in retention(points, policy, now, ahead=AHEAD) if one.kept}


def test_one_of_each_period_is_kept() -> None:
    """The newest of each of the last hours, days, weeks, months and years that have points."""
    points = [point(f"h{hours}", hours * HOUR) for hours in range(24 * 800)]
    policy = Policy(last=1, hourly=2, daily=3, weekly=2, monthly=2, yearly=2)
    assert kept(points, policy) == {
        "h0": (
            "last",
            "hourly 2026-07-08T12",
            "daily 2026-07-08",
            "weekly 2026-W28",
            "monthly 2026-07",
            "yearly 2026",
            "newest proven",
        ),
        "h1": ("hourly 2026-07-08T11",),
        "h13": ("daily 2026-07-07",),
        "h37": ("daily 2026-07-06",),
        "h61": ("weekly 2026-W27",),
        "h181": ("monthly 2026-06",),
        "h4525": ("yearly 2025",),
    }


def test_days_are_those_of_utc() -> None:
    """Whatever zone a point's time is written in."""
    east = timezone(timedelta(hours=10))
    one = Candidate("a", datetime(2026, 7, 8, 8, tzinfo=east), ("g",), P)
    assert kept([one], Policy(daily=1))["a"][0] == "daily 2026-07-07"


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    """ISO weeks: 1 January 2027 is still in a week of 2026."""
    one = Candidate("a", datetime(2027, 1, 1, tzinfo=UTC), ("g",), P)
    assert kept([one], Policy(weekly=1), datetime(2027, 2, 1, tzinfo=UTC))["a"][0] == "weekly 2026-W53"


def test_a_proven_point_stands_for_its_day() -> None:
    """A newer unproven one of the same day does not."""
    points = [point("new", 1 * HOUR, U), point("good", 2 * HOUR), point("older", 3 * HOUR)]
    assert set(kept(points, Policy(daily=1))) == {"good"}
    assert set(kept([point("new", 1 * HOUR, U), point("old", 2 * HOUR, U)], Policy(daily=1))) == {"new"}


def test_the_newest_proven_point_is_never_removed() -> None:
    """However many unproven ones are newer."""
    points = [point(f"u{number}", number * HOUR, U) for number in range(5)]
    points += [point("good", 9 * HOUR), point("older", 10 * HOUR)]
    found = kept(points, Policy(last=2))
    assert set(found) == {"u0", "u1", "good"}
    assert found["good"] == ("newest proven",)


def test_a_damaged_point_takes_no_slot() -> None:
    """It is removed when something newer is proven, and kept while nothing is."""
    points = [point("bad", HOUR, D), point("a", 2 * HOUR), point("worse", 3 * HOUR, D), point("b", 4 * HOUR)]
    assert kept(points, Policy(last=2)) == {
        "bad": ("damaged, but nothing newer is proven",),
        "a": ("last", "newest proven"),
        "b": ("last",),
    }


def test_a_point_from_the_future_is_kept_and_named() -> None:
    """It takes no slot, and is not the newest proven one; some minutes between clocks do not count."""
    points = [point("to come", -HOUR), point("now", -timedelta(minutes=9)), point("old", HOUR)]
    assert kept(points, Policy(last=1)) == {
        "to come": ("from a time that is still to come",),
        "now": ("last", "newest proven"),
    }


def test_a_clock_far_ahead_removes_nothing_that_is_within() -> None:
    """The time within counts from the newest point, not from now."""
    points = [point("a", HOUR), point("b", 2 * HOUR), point("c", 9 * HOUR)]
    later = NOW + timedelta(days=4000)
    assert set(kept(points, Policy(within=3 * HOUR), later)) == {"a", "b"}


def test_what_cannot_be_read_is_kept_and_named() -> None:
    """Nobody knows what it is."""
    assert kept([point("x", HOUR, X), point("a", 2 * HOUR)], Policy(last=1)) == {
        "x": ("its manifest cannot be read",),
        "a": ("last", "newest proven"),
    }


def test_groups_are_apart() -> None:
    """Points of Redis alone do not push out those of both."""
    points = [point("r", HOUR, group="redis"), point("b", 2 * HOUR, group="both"), point("c", 3 * HOUR)]
    assert set(kept(points, Policy(last=1))) == {"r", "b"}


def test_an_empty_policy_is_refused() -> None:
    """It would remove nearly all."""
    with pytest.raises(ValueError, match="keeps nothing"):
        retention([], Policy(), NOW, ahead=AHEAD)


TIMES = st.integers(-30, 24 * 400).map(lambda hours: NOW - hours * HOUR)
POINTS = st.lists(
    st.tuples(TIMES, st.sampled_from(["a", "b"]), st.sampled_from(list(State))), max_size=25
).map(
    lambda found: [
        Candidate(f"{number:02}", time, (group,), state) for number, (time, group, state) in enumerate(found)
    ]
)
COUNTS = st.integers(0, 4)
POLICIES = st.builds(
    Policy,
    last=COUNTS,
    hourly=COUNTS,
    daily=COUNTS,
    weekly=COUNTS,
    monthly=COUNTS,
    yearly=COUNTS,
    within=st.integers(0, 500).map(lambda hours: hours * HOUR),
).filter(lambda policy: not policy.empty)


def naively_kept(points: list[Candidate], policy: Policy) -> set[str]:
    """Say the same in another way: for each point on its own, count what would come before it."""
    return {
        one.id for one in points if _stays(one, [two for two in points if two.group == one.group], policy)
    }


def _stays(one: Candidate, group: list[Candidate], policy: Policy) -> bool:
    if one.state is X or one.time > NOW + AHEAD:
        return True
    past = [two for two in group if two.time <= NOW + AHEAD]
    good = [two for two in past if two.state is P]
    if one.state is D:
        return not any(two.time >= one.time for two in good)
    usable = [two for two in past if two.state in {P, U}]
    newer = [two for two in usable if (two.time, two.id) > (one.time, one.id)]
    if len(newer) < policy.last or (one.state is P and not any(two in good for two in newer)):
        return True
    if policy.within and max(two.time for two in usable) - one.time <= policy.within:
        return True
    # An hour, …, a year as a number that grows by one, and not as text.
    return any(
        _stands(one, usable, number) and _periods_after(one, usable, number) < count
        for number, count in enumerate(
            (policy.hourly, policy.daily, policy.weekly, policy.monthly, policy.yearly)
        )
    )


def _number(time: datetime, kind: int) -> int:
    days = time.toordinal()
    return (days * 24 + time.hour, days, (days - 1) // 7, time.year * 12 + time.month, time.year)[kind]


def _stands(one: Candidate, usable: list[Candidate], kind: int) -> bool:
    same = [two for two in usable if _number(two.time, kind) == _number(one.time, kind)]
    best = [two for two in same if two.state is P] or same
    return one == max(best, key=lambda two: (two.time, two.id))


def _periods_after(one: Candidate, usable: list[Candidate], kind: int) -> int:
    numbers = {_number(two.time, kind) for two in usable}
    return sum(number > _number(one.time, kind) for number in numbers)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(POINTS, POLICIES)
def test_it_agrees_with_a_naive_reading(points: list[Candidate], policy: Policy) -> None:
    """On any points, in any order; every point is decided on once, newest first."""
    decided: list[Decision] = retention(points, policy, NOW, ahead=AHEAD)
    assert {one.point.id for one in decided if one.kept} == naively_kept(points, policy)
    times = [one.point.time for one in decided]
    assert times == sorted(times, reverse=True)
    assert len(decided) == len(points)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(POINTS, POLICIES)
def test_what_it_keeps_it_keeps_again(points: list[Candidate], policy: Policy) -> None:
    """Run again at once it removes nothing more."""
    left = [one.point for one in retention(points, policy, NOW, ahead=AHEAD) if one.kept]
    assert all(one.kept for one in retention(left, policy, NOW, ahead=AHEAD))
