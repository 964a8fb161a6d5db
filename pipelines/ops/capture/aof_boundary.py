"""Find where the last whole command of an AOF ends: a file in use may end inside one, or in a transaction.

An AOF is a sequence of RESP arrays of bulk strings, with notes of time (`#TS:<seconds>`) between them.
"""

import mmap
import re
from pathlib import Path

_BEGIN = re.compile(rb"\*([1-9]\d{0,9})\r\n")
_BULK = re.compile(rb"\$(\d{1,10})\r\n")
_NOTE = re.compile(rb"#[^\r\n]{0,1000}\r?\n")
_MULTI = re.compile(rb"\*1\r\n\$5\r\nmulti\r\n", re.IGNORECASE)
_EXEC = re.compile(rb"\*1\r\n\$4\r\nexec\r\n", re.IGNORECASE)
_HEADER_START = re.compile(rb"[*$]\d{0,10}\r?\n?|#[^\r\n]{0,1000}\r?")
_NOTE_MARK = ord("#")


class NotCommandsError(ValueError):
    """The bytes at `offset` are not those of an AOF."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"its bytes at {offset} are no command")
        self.offset = offset


def whole_length(path: Path) -> int:
    """Return the bytes up to the last whole command outside of a transaction. Raises NotCommandsError."""
    if path.stat().st_size == 0:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return whole_until(data, 0)


def whole_until(data: mmap.mmap, start: int) -> int:
    """As `whole_length`, for commands that begin at `start` in a mapped file."""
    size = len(data)
    position = whole = start
    transaction = False
    while position < size:
        if data[position] == _NOTE_MARK:
            note = _NOTE.match(data, position)
            end = note.end() if note else _cut_header(data, position)
        else:
            end = _command_end(data, position, size)
            if end <= size:
                transaction = _in_transaction(data, position, end, now=transaction)
        if end > size:
            break
        position = end
        if not transaction:
            whole = position
    return whole


def _command_end(data: mmap.mmap, position: int, size: int) -> int:
    """Return where the command at `position` ends, beyond `size` when the file ends in it."""
    begin = _BEGIN.match(data, position)
    if begin is None:
        return _cut_header(data, position)
    match, at = _BULK.match, begin.end()
    for _ in range(int(begin[1])):
        bulk = match(data, at)
        if bulk is None:
            return _cut_header(data, at)
        at = bulk.end() + int(bulk[1]) + 2
    if at <= size and data[at - 2 : at] != b"\r\n":
        raise NotCommandsError(at - 2)
    return at


def _cut_header(data: mmap.mmap, position: int) -> int:
    """Return a place beyond the file when it ends in the header at `position`; else the bytes are wrong."""
    size = len(data)
    started = _HEADER_START.match(data, position)
    if position >= size or (started and started.end() == size):
        return size + 1
    raise NotCommandsError(position)


def _in_transaction(data: mmap.mmap, position: int, end: int, *, now: bool) -> bool:
    if end - position == len(b"*1\r\n$5\r\nmulti\r\n") and _MULTI.match(data, position):
        return True
    return now and not _EXEC.match(data, position)
