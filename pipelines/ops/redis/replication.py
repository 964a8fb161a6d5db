"""Capture a running Redis as a replica does: an RDB, then every write, spooled to local disk at full speed.

A slow reader is dropped by the server (`client-output-buffer-limit replica`), so this thread only moves bytes
from the socket to the disk; the stream is cut into commands afterwards.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.connection import named
from pipelines.ops.redis.handshake import begin_sync, command, dial, line
from pipelines.ops.spools import unwritten

_BLOCK = 1 << 20
_EOF_MARK = 40
_ACK_EVERY_S = 1.0
_LISTEN_S = 0.1
_SILENCE_S = 60.0
_ACK = command("REPLCONF", "ACK", "0")


class ReplicationCapture:
    """One capture under way. `rdb` and `raw` are its files, `arrivals` pairs offsets with unix seconds.

    The acknowledged offset is always 0: a real one would satisfy other clients' `WAIT`.
    """

    def __init__(
        self,
        address: RedisAddress,
        spool: Path,
        *,
        version: str | None,
        progress: Callable[[int], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rdb = spool / "capture.rdb"
        self.raw = spool / "capture.stream"
        self.arrivals: list[tuple[int, int]] = []
        self.received = 0
        self._address = address
        self._progress = progress or (lambda _count: None)
        self._now = now
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        self._rdb_done = False
        self._stop = False
        self._wire = dial(address, timeout=_SILENCE_S)
        try:
            self.replid, self.offset = begin_sync(self._wire, address, version=version)
        except BaseException:
            self._wire.close()
            raise
        self._thread = threading.Thread(target=self._run, name="replication-capture", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_for_copy(self) -> None:
        """Return when the RDB is on disk and the stream runs. Raises OpsError when the capture failed."""
        self._wait(lambda: self._rdb_done, "copy")

    def drain_to(self, offset: int) -> int:
        """Return the stream's length in bytes up to a replication offset, when it has all arrived."""
        length = offset - self.offset
        self._wait(lambda: self.received >= length, "stream")
        return length

    def close(self) -> None:
        """Hang up and wait for the files to be closed; safe to call twice."""
        self._stop = True
        self._thread.join()
        self._wire.close()

    def _wait(self, done: Callable[[], bool], part: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: done() or self._failure is not None)
        if self._failure is not None and not done():
            if isinstance(self._failure, OpsError):
                raise self._failure
            raise UnreachableError(
                f"{named(self._address)} ended the capture's {part} after {self.received} bytes"
                f" ({self._failure}).",
                "If its log says 'output buffer limits', raise client-output-buffer-limit replica.",
            ) from self._failure

    def _run(self) -> None:
        try:
            with self.rdb.open("wb") as file:
                self._copy(file)
                file.flush()
            with self.raw.open("wb", buffering=0) as stream:
                self._acknowledge()
                self._tell(rdb_done=True)
                self._follow(stream)
        except ConnectionError as error:
            self._fail(error)
        except OSError as error:
            self._fail(unwritten(self.rdb.parent, error))

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _copy(self, file: BinaryIO) -> None:
        try:
            head = line(self._wire)
        except OSError as error:
            raise ConnectionError(str(error)) from error
        self._wire.settimeout(_LISTEN_S)
        if head.startswith(b"$EOF:") and len(head) == len(b"$EOF:") + _EOF_MARK:
            self._copy_until(file, head[5:])
        elif head.startswith(b"$") and head[1:].isdigit():
            self._copy_sized(file, int(head[1:]))
        else:
            raise ConnectionError(head.decode(errors="replace"))

    def _copy_until(self, file: BinaryIO, mark: bytes) -> None:
        """Copy until the 40-byte mark; the server sends nothing behind it before our first ACK."""
        tail = b""
        while tail != mark:
            block = self._next_block(_BLOCK)
            file.write(block)
            tail = (tail + block[-_EOF_MARK:])[-_EOF_MARK:]
            self._progress(len(block))
        file.truncate(file.tell() - _EOF_MARK)

    def _copy_sized(self, file: BinaryIO, size: int) -> None:
        left = size
        while left:
            block = self._next_block(min(_BLOCK, left))
            file.write(block)
            left -= len(block)
            self._progress(len(block))

    def _next_block(self, count: int) -> bytes:
        heard = time.monotonic()
        while not self._stop:
            block = self._received(count)
            if block:
                return block
            if time.monotonic() - heard > _SILENCE_S:
                raise ConnectionError(f"nothing heard for {_SILENCE_S:.0f} s")
        raise ConnectionError("hung up")

    def _follow(self, stream: BinaryIO) -> None:
        acknowledged = heard = time.monotonic()
        while not self._stop:
            block = self._received(_BLOCK)
            clock = time.monotonic()
            if block:
                heard = clock
                self._store(stream, block)
            elif clock - heard > _SILENCE_S:
                raise ConnectionError(f"nothing heard for {_SILENCE_S:.0f} s")
            if clock - acknowledged >= _ACK_EVERY_S:
                self._acknowledge()
                acknowledged = clock

    def _received(self, count: int) -> bytes:
        """Return what has come, or nothing after a short while; each failure of the wire ends the capture."""
        try:
            block = self._wire.recv(count)
        except TimeoutError:
            return b""
        except OSError as error:
            raise ConnectionError(error.strerror or str(error)) from error
        if not block:
            raise ConnectionError("connection closed")
        return block

    def _acknowledge(self) -> None:
        try:
            self._wire.sendall(_ACK)
        except OSError as error:
            raise ConnectionError(error.strerror or str(error)) from error

    def _store(self, stream: BinaryIO, block: bytes) -> None:
        second = int(self._now())
        if not self.arrivals or self.arrivals[-1][1] != second:
            self.arrivals.append((self.received, second))
        view = memoryview(block)
        while view:
            view = view[stream.write(view) :]
        self._progress(len(block))
        self._tell(count=len(block))

    def _tell(self, *, rdb_done: bool = False, count: int = 0) -> None:
        with self._changed:
            self._rdb_done = self._rdb_done or rdb_done
            self.received += count
            self._changed.notify_all()
