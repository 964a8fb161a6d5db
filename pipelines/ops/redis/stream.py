"""The replication stream cut into commands: what is data is written to an AOF, the rest is left out.

A command is a RESP array of bulk strings (Redis serialization protocol specification, version 2). The
splitter never holds more than one network block and one command's head, whatever the size of a value.
"""

from collections.abc import Callable
from dataclasses import dataclass

NOT_DATA = frozenset({b"PING", b"REPLCONF", b"PUBLISH", b"SPUBLISH"})
_LONGEST_NAME = 128
_LONGEST_HEADER = 32


class StreamError(ValueError):
    """The bytes are not a stream of commands."""


@dataclass(slots=True)
class _Command:
    """The command being read: arguments and payload bytes to come, and whether it is written."""

    arguments: int
    payload: int = 0
    keep: bool | None = None


class CommandSplitter:
    """Feed it blocks of a stream; it hands on the bytes of the commands that are data.

    `before(offset, in_transaction)` is asked at the start of each kept command for bytes to put before it;
    `offset` counts stream bytes from the first block.
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
        self._buffer = bytearray()
        self._base = 0
        self._command: _Command | None = None
        self._transaction = False
        self._whole = 0

    @property
    def whole(self) -> int:
        """Stream bytes up to the end of the last command outside a transaction."""
        return self._whole

    @property
    def clean(self) -> bool:
        """Whether the stream could end here: no command and no transaction is open."""
        return self._command is None and not self._transaction and not self._buffer

    def feed(self, block: bytes) -> None:
        """Take the next block. Raises StreamError when it is no stream of commands."""
        self._buffer += block
        position = emitted = 0
        while True:
            start = position
            if self._command is None:
                emitted, position = self._begin(position, emitted)
            else:
                position = self._argument(position)
            if self._command is not None and not self._command.arguments:
                emitted = self._end(position, emitted)
            if position == start:
                break
        if position > emitted and (self._command is None or self._command.keep):
            self._write(bytes(self._buffer[emitted:position]))
        del self._buffer[:position]
        self._base += position

    def _begin(self, position: int, emitted: int) -> tuple[int, int]:
        """Read `*n` and the name; both must be in the buffer, else wait. An AOF's `#` note is passed on."""
        if self._buffer[position : position + 1] == b"#":
            end = self._buffer.find(b"\r\n", position)
            return emitted, end + 2 if end >= 0 else position
        after, count = self._header(position, b"*")
        if after < 0:
            return emitted, position
        name_at, length = self._header(after, b"$")
        if name_at < 0 or len(self._buffer) < name_at + length + 2:
            if length > _LONGEST_NAME:
                raise StreamError(f"a command name of {length} bytes at {self._base + position}")
            return emitted, position
        name = bytes(self._buffer[name_at : name_at + length]).upper()
        keep = name not in self._skip
        if self._seen:
            self._seen(name)
        emitted = self._mark(position, emitted, keep=keep)
        if name == b"MULTI":
            self._transaction = True
        elif name == b"EXEC":
            self._transaction = False
        self._command = _Command(arguments=count - 1, keep=keep)
        return emitted, name_at + length + 2

    def _mark(self, position: int, emitted: int, *, keep: bool) -> int:
        note = self._before(self._base + position) if self._before and keep and not self._transaction else b""
        if not note and keep:
            return emitted
        self._write(bytes(self._buffer[emitted:position]) + note)
        return position

    def _argument(self, position: int) -> int:
        command = self._command
        if command is None or not command.arguments:
            return position
        if not command.payload:
            after, length = self._header(position, b"$")
            if after < 0:
                return position
            command.payload, position = length + 2, after
        step = min(command.payload, len(self._buffer) - position)
        command.payload -= step
        if not command.payload:
            command.arguments -= 1
        return position + step

    def _end(self, position: int, emitted: int) -> int:
        command = self._command
        self._command = None
        if not self._transaction:
            self._whole = self._base + position
        return emitted if command and command.keep else position

    def _header(self, position: int, mark: bytes) -> tuple[int, int]:
        """Return (position after the line, its number), or (-1, 0) when the line is not whole yet."""
        end = self._buffer.find(b"\r\n", position, position + _LONGEST_HEADER)
        if end < 0:
            if len(self._buffer) - position >= _LONGEST_HEADER:
                raise StreamError(f"no line end at {self._base + position}")
            return -1, 0
        line = self._buffer[position:end]
        if line[:1] != mark or not line[1:].isdigit():
            raise StreamError(
                f"expected {mark.decode()}number at {self._base + position}, found {bytes(line)!r}"
            )
        return end + 2, int(line[1:])
