"""Find where the RDB ends that an AOF may begin with: commands may follow it in the same file.

Redis 4 to 6 wrote such files (`aof-use-rdb-preamble`), and Redis 7 keeps one as base when it is upgraded. An
RDB ends with the byte 0xFF and 8 bytes of checksum.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.ops.capture.aof_boundary import NotCommandsError, whole_until
from pipelines.ops.redis.facts import rdb_version

_END_BYTES = 9
_END = 0xFF
_END_BEFORE_COMMANDS = re.compile(rb"\xff(?=[\s\S]{8}(?:\*[1-9]\d{0,9}\r\n\$\d|#TS:\d))")


def rdb_length(path: Path) -> int | None:
    """Return the bytes of the RDB that a file begins with, None when it begins with none.

    Raises ValueError when it begins with one that does not end.
    """
    if rdb_version(path) is None:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = len(data)
        ends_here = size > 2 * _END_BYTES and data[size - _END_BYTES] == _END
        if ends_here and data[size - 2 :] != b"\r\n":
            return size
        tail = next((start for start in tails(data) if _only_commands(data, start)), None)
        if tail is None and not ends_here:
            raise ValueError("its RDB does not end")
        return size if tail is None else tail


def tails(data: mmap.mmap) -> Iterator[int]:
    """Yield each place behind what may be the end of an RDB where a command begins; few or none."""
    for found in _END_BEFORE_COMMANDS.finditer(data):
        yield found.start() + _END_BYTES


def _only_commands(data: mmap.mmap, start: int) -> bool:
    """Say whether all that follows is commands: a value of the RDB that looks like some has RDB after it."""
    try:
        whole_until(data, start)
    except NotCommandsError:
        return False
    return True
