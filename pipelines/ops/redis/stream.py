"""The replication stream cut into commands: what is data is written to an AOF, the rest is left out.

A command is a RESP array of bulk strings (Redis serialization protocol specification, version 2). The
splitter never holds more than one network block and one command's head, whatever the size of a value.
What it takes for a command or a note must be that for the server's AOF loader too: nothing else passes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

NOT_DATA = frozenset({b"PING", b"REPLCONF", b"PUBLISH", b"SPUBLISH"})
_LONGEST_NAME = 128
_LONGEST_HEADER = 32
_MOST_ARGUMENTS = (1 << 31) - 1
_LINE_END = 2
_USUAL = 2048
_COUNTS = {b"*%d" % count: count for count in range(1, _USUAL)}
_SIZES = {b"$%d" % size: size for size in range(_USUAL)}
_NOTE = re.compile(rb"#TS:[0-9]{1,19}\r\n")


class StreamError(ValueError):
    """The bytes are not a stream of commands."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a command's name says: whether it is written, and what it does to an open transaction."""

    keep: bool
    transaction: bool | None


class CommandSplitter:
    """Feed it blocks of a stream; it hands on the bytes of the commands that are data.

    `before(offset)` is asked at the start of each kept command outside a transaction for bytes to put before
    it; `offset` counts stream bytes from the first block. `seen(name)` gets each name once per spelling.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        before: Callable[[int], bytes] | None = None,
        seen: Callable[[bytes], object] | None = None,
        skip: frozenset[bytes] = NOT_DATA,
    ) -> None:
        self._write = write
        self._before = before
        self._seen = seen
        self._skip = skip
        self._kinds: dict[bytes, _Kind] = {}
        self._data = b""
        self._base = 0
        self._unwritten = 0
        self._open = False
        self._arguments = 0
        self._payload = 0
        self._keep = True
        self._transaction = False
        self._whole = 0

    @property
    def whole(self) -> int:
        """Stream bytes up to the end of the last command outside a transaction."""
        return self._whole

    @property
    def clean(self) -> bool:
        """Whether the stream could end here: no command and no transaction is open."""
        return not self._open and not self._transaction and not self._data

    def feed(self, block: bytes) -> None:
        """Take the next block. Raises StreamError when it is no stream of commands."""
        self._data = data = self._data + block
        self._unwritten = position = 0
        while position < len(data):
            start = position
            if not self._open:
                position = self._begin(position)
            if self._open:
                position = self._continue(position)
            if position == start:
                break
        if self._keep and position > self._unwritten:
            self._write(data[self._unwritten : position])
        self._data = data[position:]
        self._base += position

    def _begin(self, position: int) -> int:
        """Read `*n` and the name; both must be there, else wait."""
        data = self._data
        if data[position] == b"#"[0]:
            return self._note(position)
        end, count = self._header(position, b"*", _COUNTS)
        if end < 0:
            return position
        name_at, length = self._header(end, b"$", _SIZES)
        if length > _LONGEST_NAME or count > _MOST_ARGUMENTS or not count:
            raise StreamError(f"no command at {self._base + position}")
        if name_at < 0 or len(data) < name_at + length + _LINE_END:
            return position
        name = data[name_at : name_at + length]
        kind = self._kinds.get(name) or self._learn(name)
        if not kind.keep:
            self._write(data[self._unwritten : position])
        elif self._before and not self._transaction and (note := self._before(self._base + position)):
            self._write(data[self._unwritten : position] + note)
            self._unwritten = position
        if kind.transaction is not None:
            self._transaction = kind.transaction
        self._open, self._keep, self._arguments = True, kind.keep, count - 1
        return name_at + length + _LINE_END

    def _learn(self, name: bytes) -> _Kind:
        upper = name.upper()
        if self._seen:
            self._seen(upper)
        kind = _Kind(upper not in self._skip, {b"MULTI": True, b"EXEC": False}.get(upper))
        self._kinds[name] = kind
        return kind

    def _note(self, position: int) -> int:
        """Pass an AOF's note of time on; a loader would read commands out of a looser one."""
        end = self._data.find(b"\r\n", position, position + _LONGEST_HEADER)
        if end < 0 and len(self._data) - position < _LONGEST_HEADER:
            return position
        if not _NOTE.fullmatch(self._data, position, end + _LINE_END):
            raise StreamError(f"no time note at {self._base + position}")
        return end + _LINE_END

    def _continue(self, position: int) -> int:
        """Read on in a command's arguments, as far as the block goes."""
        data, size, arguments = self._data, len(self._data), self._arguments
        find, known = data.find, _SIZES.get
        position += self._payload
        while arguments and position <= size:
            end = find(b"\r\n", position, position + _LONGEST_HEADER)
            length = known(data[position:end]) if end >= 0 else None
            if length is None:
                after, length = self._header(position, b"$", _SIZES)
                if after < 0:
                    break
                end = after - _LINE_END
            position = end + length + 2 * _LINE_END
            arguments -= 1
        self._arguments, self._payload = arguments, max(position - size, 0)
        if not arguments and not self._payload:
            self._end(position)
        return min(position, size)

    def _end(self, position: int) -> None:
        if not self._keep:
            self._unwritten, self._keep = position, True
        self._open = False
        if not self._transaction:
            self._whole = self._base + position

    def _header(self, position: int, mark: bytes, known: dict[bytes, int]) -> tuple[int, int]:
        """Return (position after the line, its number), or (-1, 0) when the line is not whole yet."""
        end = self._data.find(b"\r\n", position, position + _LONGEST_HEADER)
        if end < 0:
            if len(self._data) - position >= _LONGEST_HEADER:
                raise StreamError(f"no line end at {self._base + position}")
            return -1, 0
        line = self._data[position:end]
        number = known.get(line)
        if number is None:
            if line[:1] != mark or not line[1:].isdigit():
                raise StreamError(
                    f"expected {mark.decode()}number at {self._base + position}, found {line!r}"
                )
            number = int(line[1:])
        return end + _LINE_END, number
