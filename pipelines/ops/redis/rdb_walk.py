"""Walk over the records of an RDB without loading them: where each begins, and its key.

The layout is that of `rdb.c` and `rdb.h` of Redis 7.0 and Valkey 9.1: the types that both families share, and
Valkey's hash whose fields have times to live.
"""

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Bytes = bytes | mmap.mmap
Skip = Callable[[Bytes, int], int]
"""Returns where the value ends that begins at an offset."""
_MAGIC = 9
_VALKEY = b"VALKEY"
_CHECKSUM = 8
_AUX, _FUNCTION, _SELECT, _SIZES, _END = 0xFA, 0xF5, 0xFE, 0xFB, 0xFF
_EXPIRE_MS, _EXPIRE_S, _IDLE, _FREQUENCY = 0xFC, 0xFD, 0xF8, 0xF9
_FIRST_OPCODE = 0xF4
_MIDDLE, _LONG, _LONGER, _PACKED = 0x40, 0x80, 0x81, 0xC3
"""First bytes of a length: from these on it takes 2, 5 and 9 bytes, or its string is compressed."""
_NO_SCORE = 253
_STREAM_ID = 16
_TIME = 8


class UnknownRecordError(Exception):
    """The RDB has something that this walk does not know, or ends too early."""


@dataclass(frozen=True, slots=True)
class Database:
    """The records of one database: `begin` of its first and `end` of its last, offsets in bytes."""

    head: int
    begin: int
    end: int


def databases(data: Bytes, record: Callable[[int, bytes], None]) -> Iterator[Database]:
    """Yield each database; `record` is called with each record's begin and key before its database comes.

    Raises UnknownRecordError; what was yielded until then is worth nothing.
    """
    others = _OF_VALKEY if data[: len(_VALKEY)] == _VALKEY else _SHARED
    try:
        at = _prologue(data)
        while data[at] == _SELECT:
            head = at
            begin = _database_head(data, at)
            at = _records(data, begin, record, others)
            yield Database(head, begin, at)
    except IndexError as error:
        raise UnknownRecordError("it ends in the middle of a record") from error
    if data[at] != _END or at + 1 + _CHECKSUM != len(data):
        raise UnknownRecordError(f"at byte {at} there is something else than a record")


def _prologue(data: Bytes) -> int:
    at = _MAGIC
    while data[at] in (_AUX, _FUNCTION):
        strings = 2 if data[at] == _AUX else 1
        at += 1
        for _ in range(strings):
            at = _string(data, at)
    return at


def _database_head(data: Bytes, at: int) -> int:
    _, at = _length(data, at + 1)
    if data[at] == _SIZES:
        _, at = _length(data, at + 1)
        _, at = _length(data, at)
    return at


def _records(data: Bytes, at: int, record: Callable[[int, bytes], None], others: Mapping[int, Skip]) -> int:
    """Walk until something that is no record; written flat, because it runs once for each key."""
    begin = at
    while True:
        kind = data[at]
        if kind >= _FIRST_OPCODE:
            if kind == _EXPIRE_MS:
                at += 1 + _TIME
            elif kind == _EXPIRE_S:
                at += 5
            elif kind == _FREQUENCY:
                at += 2
            elif kind == _IDLE:
                _, at = _length(data, at + 1)
            else:
                return begin
            continue
        first = data[at + 1]
        end = at + 2 + first if first < _MIDDLE else _string(data, at + 1)
        record(begin, data[at + 1 : end])
        at = begin = _string(data, end) if kind in _ONE_STRING else _value(data, end, others.get(kind))


def _value(data: Bytes, at: int, skip: Skip | None) -> int:
    if skip is None:
        raise UnknownRecordError(f"before byte {at} there is a record of an unknown type")
    return skip(data, at)


def _string(data: Bytes, at: int) -> int:
    """Return the end of a string: plain, an integer, or compressed."""
    first = data[at]
    if first < _MIDDLE:
        return at + 1 + first
    if first < _LONG:
        return at + 2 + ((first & 0x3F) << 8 | data[at + 1])
    if first in _INTEGERS:
        return at + 1 + _INTEGERS[first]
    if first == _PACKED:
        packed, at = _length(data, at + 1)
        _, at = _length(data, at)
        return at + packed
    length, at = _length(data, at)
    return at + length


def _length(data: Bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < _MIDDLE:
        return first, at + 1
    if first < _LONG:
        return (first & 0x3F) << 8 | data[at + 1], at + 2
    if first == _LONG:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    if first == _LONGER:
        return int.from_bytes(data[at + 1 : at + 9], "big"), at + 9
    raise UnknownRecordError(f"at byte {at} there is no length")


def _strings(each: int, after: int = 0) -> Skip:
    """Skip a count of elements: `each` strings and `after` bytes."""

    def skip(data: Bytes, at: int) -> int:
        count, at = _length(data, at)
        for _ in range(count):
            for _ in range(each):
                at = _string(data, at)
            at += after
        return at

    return skip


def _old_sorted_set(data: Bytes, at: int) -> int:
    """Skip members with scores as text; the lengths from 253 on stand for values without one."""
    count, at = _length(data, at)
    for _ in range(count):
        at = _string(data, at)
        at += 1 + (data[at] if data[at] < _NO_SCORE else 0)
    return at


def _quicklist(data: Bytes, at: int) -> int:
    count, at = _length(data, at)
    for _ in range(count):
        _, at = _length(data, at)
        at = _string(data, at)
    return at


def _lengths(data: Bytes, at: int, count: int) -> int:
    for _ in range(count):
        _, at = _length(data, at)
    return at


def _stream(facts: int, group_facts: int, times: int) -> Skip:
    """Skip a stream: lengths that tell of it and of each group, times of each consumer."""

    def skip(data: Bytes, at: int) -> int:
        at = _strings(2)(data, at)
        at = _lengths(data, at, facts)
        groups, at = _length(data, at)
        for _ in range(groups):
            at = _lengths(data, _string(data, at), group_facts)
            at = _group(data, at, times * _TIME)
        return at

    return skip


def _group(data: Bytes, at: int, times: int) -> int:
    """Skip the pending entries of a group, and its consumers, each of which has `times` bytes of times."""
    pending, at = _length(data, at)
    for _ in range(pending):
        _, at = _length(data, at + _STREAM_ID + _TIME)
    consumers, at = _length(data, at)
    for _ in range(consumers):
        at = _string(data, at) + times
        pending, at = _length(data, at)
        at += pending * _STREAM_ID
    return at


_INTEGERS = {0xC0: 1, 0xC1: 2, 0xC2: 4}
_ONE_STRING = frozenset({0, 9, 10, 11, 12, 13, 16, 17, 20})
"""Strings, and what is kept as one: zipmaps, ziplists, integer sets, listpacks."""
_SHARED: dict[int, Skip] = {
    1: _strings(1),
    2: _strings(1),
    3: _old_sorted_set,
    4: _strings(2),
    5: _strings(1, after=8),
    14: _strings(1),
    15: _stream(3, 2, 1),
    18: _quicklist,
    19: _stream(8, 3, 1),
    21: _stream(8, 3, 2),
}
_OF_VALKEY = _SHARED | {22: _strings(2, after=_TIME)}
