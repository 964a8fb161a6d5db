"""When a job is due: a cron expression in a time zone, moved by a delay that is this machine's own."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5
_SEEN = 64
"""So many gaps between times are looked at to know the longest."""
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Five cron fields read in `zone`; each time that they name is `delay` later here.

    Where a clock is put forward, a time of day that is left out comes right after the gap, and one that
    happens twice comes once, as with Debian's cron.
    """

    expression: str
    zone: tzinfo = UTC
    delay: timedelta = timedelta()

    def after(self, moment: datetime) -> datetime:
        """Return the first time later than `moment` (which has a time zone), in UTC."""
        return next(self.times(moment))

    def times(self, moment: datetime) -> Iterator[datetime]:
        """Give every time later than `moment`, in UTC."""
        for time in CronSim(self.expression, (moment - self.delay).astimezone(self.zone)):
            yield time.astimezone(UTC) + self.delay

    @property
    def longest_gap(self) -> timedelta:
        """The longest time between two runs, as far as some of them tell."""
        times = self.times(_BEGIN)
        before, longest = next(times), timedelta()
        for _, time in zip(range(_SEEN), times, strict=False):
            longest, before = max(longest, time - before), time
        return longest


def timetable(expression: str, zone: tzinfo = UTC, delay: timedelta = timedelta()) -> Timetable:
    """Read a cron expression. ValueError says in a few words what is wrong with it."""
    if len(expression.split()) != _FIELDS:
        raise ValueError("it needs five fields: minute, hour, day, month, day of the week")
    try:
        made = Timetable(" ".join(expression.split()), zone, delay)
        made.after(_BEGIN)
    except CronSimError as error:
        raise ValueError(str(error).lower()) from None
    except StopIteration:
        raise ValueError("no such day ever comes") from None
    return made


def zone_named(name: str) -> tzinfo:
    """Return a time zone such as `Europe/Berlin`. ValueError when it is not known."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError("no time zone of this name is known here") from None


def steady_delay(bound: timedelta, host: str, job: str) -> timedelta:
    """Return whole seconds up to `bound`: always the same for a job on a machine, spread among machines."""
    word = hashlib.sha256(f"{host}\n{job}".encode()).digest()
    return timedelta(seconds=int.from_bytes(word[:8], "big") % (int(bound.total_seconds()) + 1))
