"""Sizes and ages as a reason states them."""

from datetime import timedelta

_STEP = 1000


def size(count: float) -> str:
    """Write a number of bytes in decimal units: `12.3 MB`."""
    number = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < _STEP:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= _STEP
    return f"{number:.1f} TB"


def span(passed: timedelta) -> str:
    """Write how long something took or has been: `3.2 days`, `5.0 hours`, `12 minutes`."""
    hours = passed.total_seconds() / 3600
    if hours >= 48:  # noqa: PLR2004  # two days, from where hours say little
        return f"{hours / 24:.1f} days"
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
