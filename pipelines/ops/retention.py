"""Which restore points a policy keeps, and why; days, weeks and years are those of UTC."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

NEWEST_PROVEN = "newest proven"
"""The reason that no rule can take away."""


class State(StrEnum):
    """What is known of a point: only `PROVEN` is good; `UNREADABLE` has a manifest that cannot be read."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point: when it began (with a time zone), and its `group`, within which a policy chooses."""

    id: str
    time: datetime
    group: tuple[str, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Policy:
    """How many points to keep: the last ones, one in each of the last hours, days, …, all within a time."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: timedelta = timedelta()

    @property
    def empty(self) -> bool:
        """Whether it would keep nothing."""
        return not any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a point: it is kept when there are `reasons`."""

    point: Candidate
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether the point stays."""
        return bool(self.reasons)


_PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "hourly": lambda time: f"{time.year:04}-{time:%m-%dT%H}",
    "daily": lambda time: f"{time.year:04}-{time:%m-%d}",
    "weekly": lambda time: "{:04}-W{:02}".format(*time.isocalendar()[:2]),
    "monthly": lambda time: f"{time.year:04}-{time:%m}",
    "yearly": lambda time: f"{time.year:04}",
}


def retention(
    points: Iterable[Candidate], policy: Policy, now: datetime, *, ahead: timedelta
) -> list[Decision]:
    """Decide on every point, newest first. ValueError when the policy is empty.

    In each group the slots are filled with points that are not damaged, the newest first; of several in one
    hour (day, …) the newest proven one stands for it, or the newest when none is proven. `within` counts from
    the newest such point, so that a wrong clock or a halted schedule removes nothing. Kept besides: the
    newest proven point; a damaged one while nothing newer is proven; what began more than `ahead` after
    `now`, for a clock was or is wrong; and what cannot be read.
    """
    if policy.empty:
        raise ValueError("a policy that keeps nothing")
    groups: dict[tuple[str, ...], list[Candidate]] = defaultdict(list)
    ordered = sorted(points, key=lambda point: (point.time, point.id), reverse=True)
    for point in ordered:
        groups[point.group].append(point)
    reasons: dict[str, list[str]] = defaultdict(list)
    for members in groups.values():
        _judge(members, policy, now + ahead, reasons)
    return [Decision(point, tuple(reasons.get(point.id, ()))) for point in ordered]


def _judge(
    members: Sequence[Candidate], policy: Policy, latest: datetime, reasons: dict[str, list[str]]
) -> None:
    """Note why points of one group (newest first) are kept."""
    for point in members:
        if point.state is State.UNREADABLE:
            reasons[point.id].append("its manifest cannot be read")
        elif point.time > latest:
            reasons[point.id].append("from a time that is still to come")
    usable = [
        point for point in members if point.time <= latest and point.state in {State.PROVEN, State.UNPROVEN}
    ]
    for point in usable[: policy.last]:
        reasons[point.id].append("last")
    for name, period in _PERIODS.items():
        for label, point in _by_period(usable, period)[: getattr(policy, name)]:
            reasons[point.id].append(f"{name} {label}")
    if policy.within:
        for point in usable:
            if usable[0].time - point.time <= policy.within:
                reasons[point.id].append("within")
    _keep_the_good(members, usable, latest, reasons)


def _by_period(usable: Sequence[Candidate], period: Callable[[datetime], str]) -> list[tuple[str, Candidate]]:
    """Return the point that stands for each period, the newest period first."""
    chosen: dict[str, Candidate] = {}
    for point in usable:
        label = period(point.time.astimezone(UTC))
        better = point.state is State.PROVEN and chosen.get(label, point).state is not State.PROVEN
        if label not in chosen or better:
            chosen[label] = point
    return list(chosen.items())


def _keep_the_good(
    members: Sequence[Candidate],
    usable: Sequence[Candidate],
    latest: datetime,
    reasons: dict[str, list[str]],
) -> None:
    newest = next((point for point in usable if point.state is State.PROVEN), None)
    if newest is not None:
        reasons[newest.id].append(NEWEST_PROVEN)
    for point in members:
        alone = newest is None or newest.time < point.time
        if point.state is State.DAMAGED and point.time <= latest and alone:
            reasons[point.id].append("damaged, but nothing newer is proven")
