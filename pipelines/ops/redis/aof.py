"""Write a multi-part AOF folder (Redis 7: base, incremental file and manifest) from a capture."""

import errno
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.ops.errors import DamagedError
from pipelines.ops.redis.rdb_order import order_records
from pipelines.ops.redis.rdb_walk import UnknownRecordError
from pipelines.ops.redis.stream import CommandSplitter, StreamError

FOLDER = "appendonlydir"
BASE = f"{FOLDER}/appendonly.aof.1.base.rdb"
INCREMENT = f"{FOLDER}/appendonly.aof.1.incr.aof"
MANIFEST = f"{FOLDER}/appendonly.aof.manifest"
_MANIFEST_TEXT = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
_BLOCK = 1 << 20
MAX_ORDERED = 1 << 30
"""Bytes of the largest RDB that is ordered: its records are read from all over it, out of the page cache."""
_MARGIN = 64 << 20


class TimeNotes:
    """The AOF's own notes of time (`#TS:<unix seconds>`), put before the first command of each second."""

    def __init__(self, arrivals: Sequence[tuple[int, int]]) -> None:
        self._arrivals = arrivals
        self._next = 0
        self._due = arrivals[0][0] if arrivals else sys.maxsize
        self._noted = -1

    def before(self, offset: int) -> bytes:
        """Return the note for a command at a stream offset (offsets grow), or nothing when it has one."""
        if offset < self._due:
            return b""
        while self._next < len(self._arrivals) and self._arrivals[self._next][0] <= offset:
            self._next += 1
        self._due = self._arrivals[self._next][0] if self._next < len(self._arrivals) else sys.maxsize
        second = self._arrivals[self._next - 1][1]
        if second <= self._noted:
            return b""
        self._noted = second
        return b"#TS:%d\r\n" % second


def write_folder(
    root: Path, *, rdb: Path, raw: Path, length: int | None, arrivals: Sequence[tuple[int, int]]
) -> int:
    """Lay `appendonlydir` under `root` from an RDB (moved) and a raw stream cut at `length` bytes.

    Without a length the stream is cut after its last whole command. Returns the stream bytes used.
    Raises DamagedError when the stream is not one of commands or the cut falls inside one.
    """
    (root / FOLDER).mkdir(mode=0o700, parents=True)
    rdb.rename(root / BASE)
    if length is None:
        length = _whole_length(raw)
    try:
        _write_increment(raw, root / INCREMENT, length, TimeNotes(arrivals))
    except StreamError as error:
        raise DamagedError(f"The replication stream is broken: {error}.", "Run the backup again.") from error
    (root / MANIFEST).write_text(_MANIFEST_TEXT)
    return length


def lay_base(rdb: Path, base: Path) -> None:
    """Move an RDB to its place as the base, its records ordered by key where that can be done.

    It stays as it came when there is little room, when it is so large that looking for its records would
    take long, or when it has some of unknown types. Raises DamagedError when its checksum is wrong, OSError.
    """
    size = rdb.stat().st_size
    if size > MAX_ORDERED or shutil.disk_usage(base.parent).free < 2 * size + _MARGIN:
        rdb.rename(base)
        return
    try:
        order_records(rdb, base)
    except UnknownRecordError:
        rdb.rename(base)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        rdb.rename(base)
    else:
        rdb.unlink()


def _whole_length(raw: Path) -> int:
    splitter = CommandSplitter(lambda _data: None)
    with raw.open("rb") as stream:
        while block := stream.read(_BLOCK):
            splitter.feed(block)
    return splitter.whole


def _write_increment(raw: Path, increment: Path, length: int, notes: TimeNotes) -> None:
    with raw.open("rb") as stream, increment.open("wb") as file:
        splitter = CommandSplitter(file.write, before=notes.before)
        left = length
        while left:
            block = stream.read(min(_BLOCK, left))
            if not block:
                raise StreamError(f"it ends {left} bytes before the cut")
            splitter.feed(block)
            left -= len(block)
    if not splitter.clean:
        raise StreamError("the cut falls inside a command or a transaction")
