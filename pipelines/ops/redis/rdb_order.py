"""Order the records of an RDB by a hash of their keys, whatever order the server had them in.

A server writes its keys in the order of its hash tables, which is another one after each start. In this
order an RDB differs from an earlier one only where keys were changed, and so little of it is new in a
repository. The order means nothing to a server that loads it.
"""

import mmap
from array import array
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np
from anycrc import Model

from pipelines.ops.errors import DamagedError
from pipelines.ops.redis.rdb_walk import Database, UnknownRecordError, databases

_TOGETHER = 4096
"""So many places are taken out of an array at once."""
_CHECKSUM = 8
_SUMS = Model("CRC64-REDIS")
_BLOCK = 4 << 20


def order_records(source: Path, target: Path) -> None:
    """Write the RDB in `source` to `target` (new), ordered.

    Memory: about 12 bytes for each key at first and 30 while they are sorted, and some blocks.

    Raises UnknownRecordError when the RDB has what this cannot order (modules, types of later servers),
    DamagedError when its checksum is wrong: `target` is then not there. Raises OSError.
    """
    try:
        with source.open("rb") as file, target.open("xb") as out, _mapped(file) as data:
            _check(data)
            _ordered(data, _Summed(out))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _mapped(file: BinaryIO) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise UnknownRecordError("it is empty") from error


def _check(data: mmap.mmap) -> None:
    """Compare the checksum, if the server wrote one."""
    told = int.from_bytes(data[-_CHECKSUM:], "little")
    found = 0
    for at in range(0, len(data) - _CHECKSUM if told else 0, _BLOCK):
        found = _SUMS.calc(data[at : min(at + _BLOCK, len(data) - _CHECKSUM)], found)
    if found != told:
        raise DamagedError(
            "The RDB has other bytes than its checksum says.", "Run the backup again, or use another copy."
        )


class _Summed:
    """A file that is written, and the checksum of what was written so far."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._sum = 0

    def write(self, data: bytes) -> None:
        self._out.write(data)
        self._sum = _SUMS.calc(data, self._sum)

    def end(self) -> None:
        self._out.write(self._sum.to_bytes(_CHECKSUM, "little"))


def _ordered(data: mmap.mmap, out: _Summed) -> None:
    begins, hashes = array("Q"), array("I")

    def record(begin: int, key: bytes) -> None:
        begins.append(begin)
        hashes.append(crc32(key))

    written = 0
    for database in databases(data, record):
        out.write(data[written : database.begin])
        _write(data, database, begins, hashes, out)
        written = database.end
        del begins[:], hashes[:]
    out.write(data[written : len(data) - _CHECKSUM])
    out.end()


def _write(
    data: mmap.mmap, database: Database, begins: "array[int]", hashes: "array[int]", out: _Summed
) -> None:
    starts = np.append(np.frombuffer(begins, np.uint64), np.uint64(database.end))
    order = np.argsort(np.frombuffer(hashes, np.uint32), kind="stable")
    for at in range(0, len(order), _TOGETHER):
        some = order[at : at + _TOGETHER]
        _gather(data, starts[some], starts[some + 1], out)


def _gather(data: mmap.mmap, begins: "np.ndarray", ends: "np.ndarray", out: _Summed) -> None:
    """Write these records in this order, as many at once as make a block."""
    half = len(begins) // 2
    if int((ends - begins).sum()) <= _BLOCK:
        # Views, so that each record is copied once; none is left when the map is closed.
        with memoryview(data) as view:
            spans = zip(begins.tolist(), ends.tolist(), strict=True)
            together = b"".join([view[begin:end] for begin, end in spans])
        out.write(together)
    elif half:
        _gather(data, begins[:half], ends[:half], out)
        _gather(data, begins[half:], ends[half:], out)
    else:
        begin, end = int(begins[0]), int(ends[0])
        for at in range(begin, end, _BLOCK):
            out.write(data[at : min(at + _BLOCK, end)])
