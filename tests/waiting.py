"""Waiting for what a test has set going: it is asked again and again, and never slept for."""

import time
from collections.abc import Callable

PATIENCE_S = 90.0


def wait_until(holds: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> float:
    """Ask until it holds, the less often the longer it takes; return how many seconds that took."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(min(max(0.002, waited / 50), 0.1))
    return time.monotonic() - began
