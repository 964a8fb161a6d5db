"""The log file of a child: appended to, moved aside when large, its last lines for an error sentence."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_MAX_BYTES = 20_000_000
_TAIL_BYTES = 16_000
_LAST_LINES = 4
_MODE = 0o600


class LogFile:
    """One log; `last_words` looks only at what was written since it was opened last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open it for the next child; one that has grown large becomes `<name>.1` first."""
        if self.path.exists() and self.path.stat().st_size > _MAX_BYTES:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        with os.fdopen(handle, "ab") as file:
            self._start = os.fstat(file.fileno()).st_size
            yield file

    def last_words(self) -> str:
        """Return what the last child said at its end, in one line."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._start, self.path.stat().st_size - _TAIL_BYTES))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        said = [_sentence(line) for line in lines]
        told = [text for text, telling in said if telling]
        return " / ".join(told[-1:] or [text for text, _ in said][-_LAST_LINES:]) or "its log says nothing"


def _sentence(line: str) -> tuple[str, bool]:
    """Return a line for people, and whether it alone tells the reason."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip(), False
    if isinstance(entry, dict) and "what" in entry:
        return f"{entry['what']} {entry.get('hint', '')}".strip(), True
    return (str(entry.get("event", line)), False) if isinstance(entry, dict) else (line, False)
