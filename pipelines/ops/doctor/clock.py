"""The clock: restore points carry its time, so it must be right."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red
from pipelines.ops.errors import OpsError
from pipelines.ops.opening import opened
from pipelines.ops.redis.connection import connect, talking_to

_NAME = "clock"
_REPLY_S = 5.0
_RELEASED = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock that is right shows a time before this software was written."""
_APART = timedelta(seconds=5)
_FUTURE = timedelta(minutes=5)
_REMEDY = "Set the clock of this machine, and keep it by NTP."


def look_at_clock(subject: Subject) -> Iterator[Finding]:
    """Compare the clock with the newest restore point and with that of Redis."""
    now = subject.now()
    newest = _newest_point(subject)
    apart = _apart_from_redis(subject)
    if now < _RELEASED or (newest is not None and newest > now + _FUTURE):
        later = f", before the newest restore point ({newest:%Y-%m-%d %H:%M} UTC)" if newest else ""
        yield red(_NAME, f"it shows {now:%Y-%m-%d %H:%M} UTC{later}", _REMEDY)
    elif apart is not None and abs(apart) > _APART:
        yield amber(_NAME, f"it is {abs(apart).total_seconds():.0f} s apart from that of Redis", _REMEDY)
    else:
        yield green(_NAME, f"{now:%Y-%m-%d %H:%M:%S} UTC is plausible")


def _newest_point(subject: Subject) -> datetime | None:
    # A repository that cannot be read has its own line.
    with suppress(OpsError):
        points = opened(subject.settings).points()
        return max((ref.time for ref in points if not ref.problem), default=None)
    return None


def _apart_from_redis(subject: Subject) -> timedelta | None:
    address = subject.settings.redis
    # As above.
    with suppress(OpsError), talking_to(address), connect(address, timeout=_REPLY_S) as client:
        seconds, microseconds = client.time()
        there = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
        return there - subject.now()
    return None
