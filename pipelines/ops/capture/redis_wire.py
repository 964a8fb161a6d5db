"""Capture a running Redis over the replication protocol, cut at one offset, as a multi-part AOF folder."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.exceptions import NoPermissionError, RedisError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.model import FileEntry, RedisSource
from pipelines.ops.redis import aof
from pipelines.ops.redis.connection import connect, named, talking_to
from pipelines.ops.redis.facts import (
    Keyspace,
    ServerVersion,
    keyspace,
    loadable_by,
    rdb_version,
    server_version,
)
from pipelines.ops.redis.replication import ReplicationCapture
from pipelines.ops.spools import unwritten

ATTEMPTS = 3
_NEWEST = "255.255.255"
_NO_COUNTS = "keys were not counted at the cut: the user may not run INFO (+info)"


@dataclass(frozen=True, slots=True)
class CapturedRedis:
    """A cut capture: files under `folder` by name, and what is known of them."""

    folder: Path
    version: ServerVersion | None
    replid: str
    offset: int
    counts: Keyspace | None
    notes: tuple[str, ...]
    ordered: bool = False

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """The AOF folder's files, the manifest last."""
        return tuple((name, self.folder / name) for name in (aof.BASE, aof.INCREMENT, aof.MANIFEST))

    def settle(self) -> None:
        """Order the records of the base (see `rdb_order`), unless that was done before the cut."""
        if not self.ordered:
            _order(self.folder / aof.BASE)

    def source(self, files: tuple[FileEntry, ...]) -> RedisSource:
        """Describe the capture for the manifest, once its files are stored."""
        rdb = rdb_version(self.folder / aof.BASE)
        return RedisSource(
            way="replication",
            server=self.version.family if self.version else "unknown",
            version=self.version.number if self.version else "unknown",
            replid=self.replid,
            offset=self.offset,
            rdb_version=rdb,
            loadable_by=loadable_by(rdb),
            databases=self.counts.databases if self.counts else None,
            notes=self.notes,
            files=files,
        )


class RedisWireCapture:
    """A capture under way: the copy first, then the stream until `cut`."""

    def __init__(
        self, address: RedisAddress, spool: Path, *, progress: Callable[[int], None] | None = None
    ) -> None:
        self._address = address
        self._spool = spool
        self._ordered = False
        self._version = _version(address)
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._capture = ReplicationCapture(
            address, spool, version=_announced(self._version), progress=progress
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.close()

    def wait_for_copy(self, *, order: bool = True) -> Path:
        """Return when the copy is on local disk and the stream runs; the copy is that file until the cut.

        With `order` its records are ordered by then (see `rdb_order`), so that nothing is left of that for
        after the cut.
        """
        self._capture.wait_for_copy()
        if order and not self._ordered:
            _order(self._capture.rdb)
            self._ordered = True
        return self._capture.rdb

    def cut(self) -> CapturedRedis:
        """End the capture at the server's present offset: all that it acknowledged before is in it."""
        counts = _counts(self._address)
        if counts is not None and counts.replid != self._capture.replid:
            raise UnreachableError(
                f"{named(self._address)} changed its replication history during the capture (a failover?).",
                "Run the backup again.",
            )
        length = self._capture.drain_to(counts.offset) if counts else None
        self._capture.close()
        length = self._written(length)
        return CapturedRedis(
            folder=self._spool,
            version=self._version,
            replid=self._capture.replid,
            offset=self._capture.offset + length,
            counts=counts,
            notes=() if counts else (_NO_COUNTS,),
            ordered=self._ordered,
        )

    def _written(self, length: int | None) -> int:
        """Lay the AOF folder; return the stream bytes used."""
        try:
            length = aof.write_folder(
                self._spool,
                rdb=self._capture.rdb,
                raw=self._capture.raw,
                length=length,
                arrivals=self._capture.arrivals,
            )
            self._capture.raw.unlink()
        except OSError as error:
            raise unwritten(self._spool, error) from error
        return length


def capture_redis(
    address: RedisAddress,
    spool: Path,
    *,
    progress: Callable[[int], None] | None = None,
    attempts: int = ATTEMPTS,
) -> CapturedRedis:
    """Capture and cut at once; a capture that the server drops is tried again, in a new folder.

    It is left to `CapturedRedis.settle` to order its records.
    """
    for attempt in range(1, attempts + 1):
        folder = spool / f"attempt-{attempt}"
        try:
            with RedisWireCapture(address, folder, progress=progress) as capture:
                capture.wait_for_copy(order=False)
                return capture.cut()
        except UnreachableError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if not _dropped(error):
                raise
            if attempt == attempts:
                raise _with_limit(address, error) from error.__cause__
    raise AssertionError  # the loop returns or raises


def _order(rdb: Path) -> None:
    beside = rdb.with_name("ordered.rdb")
    try:
        aof.lay_base(rdb, beside)
        beside.rename(rdb)
    except OSError as error:
        raise unwritten(rdb.parent, error) from error


def _dropped(error: OpsError) -> bool:
    return isinstance(error.__cause__, ConnectionError)


def _with_limit(address: RedisAddress, error: UnreachableError) -> UnreachableError:
    """Add the server's own output buffer limit to the sentence about a dropped capture."""
    with suppress(RedisError, OSError), connect(address) as client:
        limit = client.config_get("client-output-buffer-limit").get("client-output-buffer-limit", "")
        return UnreachableError(error.what, f"{error.hint} It is now: {limit}.")
    return error


def _version(address: RedisAddress) -> ServerVersion | None:
    try:
        with talking_to(address), connect(address) as client:
            return server_version(client)
    except UnreachableError as error:
        if isinstance(error.__cause__, NoPermissionError):
            return None
        raise


def _counts(address: RedisAddress) -> Keyspace | None:
    try:
        with talking_to(address), connect(address) as client:
            return keyspace(client)
    except OpsError as error:
        if _not_permitted(error.__cause__):
            return None
        raise


def _not_permitted(error: BaseException | None) -> bool:
    return isinstance(error, NoPermissionError) or (
        isinstance(error, redis.ResponseError) and "NOPERM" in str(error)
    )


def _announced(version: ServerVersion | None) -> str | None:
    """Valkey writes its newest RDB only to a replica that says its version; the unknown may be one."""
    if version is None:
        return _NEWEST
    return version.number if version.family == "valkey" else None
