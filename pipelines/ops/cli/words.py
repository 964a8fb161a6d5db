"""Numbers and times as people read them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipelines.ops.model import Proof, RestorePoint

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


def size(count: float) -> str:
    """Write a size in decimal units: `12.3 MB`."""
    number = float(count)
    for unit in _UNITS:
        if number < _STEP or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == _UNITS[0] else f"{number:.1f} {unit}"
        number /= _STEP
    raise AssertionError  # the last unit returns


def seconds(duration: float) -> str:
    """Write a duration: `0.42 s`, `3 min 20 s`."""
    if duration < 60:  # noqa: PLR2004  # a minute
        return f"{duration:.2f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s"


def counted_keys(point: RestorePoint, proofs: Sequence[Proof]) -> str:
    """Say how many keys a point holds: as counted at the cut, else as the newest proof found."""
    if point.redis is None:
        return "no Redis"
    if point.redis.databases is not None:
        return f"{sum(count.keys for count in point.redis.databases.values())} keys"
    for proof in reversed(proofs):
        for source in proof.sources:
            if source.source == "redis" and "keys" in source.facts:
                return f"{source.facts['keys']} keys"
    return "keys not counted"


def age(then: datetime, now: datetime) -> str:
    """Write how long ago something was, to the largest unit that fits."""
    passed = max(now - then, timedelta())
    for name, unit in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed.total_seconds() >= unit:
            return f"{int(passed.total_seconds() // unit)} {name} ago"
    return f"{int(passed.total_seconds())} s ago"
