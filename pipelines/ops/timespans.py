"""Lengths of time as options and settings write them: 90min, 26h, 8d."""

import re
from datetime import timedelta

from pipelines.ops.errors import UsageError

_AGE = re.compile(r"([0-9]{1,6})(min|h|d)")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def timespan(option: str, text: str) -> timedelta:
    """Read a time such as 26h that is not nothing. Raises UsageError that names the option."""
    found = _AGE.fullmatch(text)
    span_of = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not span_of:
        raise UsageError(
            f"{option} {text!r} is no age.", "Give a number and a unit, such as 90min, 26h or 8d."
        )
    return span_of
