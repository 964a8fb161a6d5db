"""Signs of life on a lock: its holder dates it anew, so that one that hangs can be told from a slow one."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SILENCE_S = 30.0
"""Who has shown no life for so long hangs."""
_SIGN_S = 2.0


def silent_for(lock: Path) -> float:
    """Return for how many seconds the holder of a lock has shown no life."""
    return time.time() - lock.stat().st_mtime


@contextmanager
def showing_life(handle: int) -> Iterator[None]:
    """Date a lock that is held as long as this process runs."""
    leave = threading.Event()

    def date() -> None:
        with suppress(OSError):
            os.utime(handle)

    def go_on() -> None:
        while not leave.wait(_SIGN_S):
            date()

    date()
    thread = threading.Thread(target=go_on, name="sign-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        leave.set()
        thread.join()
