"""The scheduler's log: one JSON document a line, which may be lost but never ends the work."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TextIO


class Log:
    """Writes an event with its fields; several threads may."""

    def __init__(self, stream: TextIO, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self._lock = threading.Lock()

    def __call__(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Write one line."""
        line = {"time": self._now().isoformat(timespec="milliseconds"), "level": level, "event": event}
        text = json.dumps({**line, **fields}, default=_plain)
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
