"""Whether the newest proven backup of each source is young enough; no data is an alarm."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """What is known of a source's last good backup; only `FRESH` is no alarm."""

    FRESH = "fresh"
    OLD = "old"
    NONE = "none"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup: when it began (with a time zone), which sources it holds, whether it is proven good."""

    id: str
    time: datetime
    sources: tuple[str, ...]
    proven: bool


@dataclass(frozen=True, slots=True)
class Freshness:
    """The judgement on one source: its newest proven backup, and how many newer ones are not proven."""

    source: str
    state: State
    newest: Backup | None = None
    age: timedelta | None = None
    unproven: int = 0


def freshness(
    backups: Iterable[Backup], sources: Sequence[str], now: datetime, *, limit: timedelta, ahead: timedelta
) -> list[Freshness]:
    """Judge each source by its newest proven backup, which may be `limit` old.

    `backups` come newest first and are read only as far as needed. One that began more than `ahead` after
    `now` shows that a clock was or is wrong: its age cannot be known.
    """
    newest: dict[str, Backup] = {}
    unproven = dict.fromkeys(sources, 0)
    for backup in backups:
        for source in set(backup.sources) & (set(sources) - set(newest)):
            if backup.proven:
                newest[source] = backup
            else:
                unproven[source] += 1
        if len(newest) == len(sources):
            break
    return [
        _judged(source, newest.get(source), unproven[source], now, limit=limit, ahead=ahead)
        for source in sources
    ]


def _judged(
    source: str, newest: Backup | None, unproven: int, now: datetime, *, limit: timedelta, ahead: timedelta
) -> Freshness:
    if newest is None:
        return Freshness(source, State.NONE, unproven=unproven)
    age = now - newest.time
    state = State.AHEAD if -age > ahead else State.FRESH if age <= limit else State.OLD
    return Freshness(source, state, newest, age, unproven)
