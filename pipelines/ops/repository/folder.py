"""An object store in a folder: each value is written beside, synced, and renamed into its place."""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.repository import beneath
from pipelines.ops.repository.parallel import THREADS
from pipelines.ops.repository.store import (
    AbsentError,
    KeyRefusedError,
    KeyTakenError,
    Stored,
    StoreFullError,
    TooLargeError,
    UnreadableError,
    check_key,
    check_prefix,
)

STALE_SECONDS = 24 * 3600
"""A temporary file older than this belongs to a writer that died."""

_BESIDE = ("tmp",)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_A_VALUE = (errno.EIO, errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
_SHUT = (errno.EACCES, errno.EPERM, errno.EROFS)


class FolderStore:
    """Values as files for their owner alone; what is not a key's name in `root` is left alone."""

    near = True
    lanes = THREADS
    glances = THREADS

    def __init__(self, root: Path, now: Callable[[], float] = time.time) -> None:
        self.root = root
        self.place = f"the folder {root}"
        self._now = now
        self._swept = False

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value; see the port."""
        *folders, name = check_key(key)
        with self._sentences("write", key):
            self._sweep_once()
            with (
                beneath.opened_folder(self.root, _BESIDE, create=True) as beside,
                beneath.opened_folder(self.root, folders, create=True) as home,
                _written(beside, data) as temporary,
            ):
                if replace:
                    os.rename(temporary, name, src_dir_fd=beside, dst_dir_fd=home)
                else:
                    # A link, unlike a rename, never lands on a name that is taken.
                    os.link(temporary, name, src_dir_fd=beside, dst_dir_fd=home, follow_symlinks=False)

    def settle(self, keys: Iterable[str]) -> None:
        """Sync every folder on the way to these keys, once; their writers synced the files."""
        folders = {parts[:depth] for parts in map(check_key, keys) for depth in range(len(parts))}
        for folder in sorted(folders, key=len, reverse=True):
            with self._sentences("sync", "/".join(folder)):
                beneath.sync_folder(self.root, folder)

    def check_writable(self) -> None:
        """Write a temporary file and take it away; see the port."""
        with (
            self._sentences("write", "anything"),
            beneath.opened_folder(self.root, _BESIDE, create=True) as beside,
            _written(beside, b"probe"),
        ):
            pass

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value; see the port."""
        *folders, name = check_key(key)
        with (
            self._sentences("read", key),
            beneath.opened_folder(self.root, folders) as home,
            os.fdopen(beneath.open_old(home, name), "rb", buffering=0) as file,
        ):
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise TooLargeError(
                    f"{key} in {self.place} has {size} bytes, more than the {limit} that it may have.",
                    "It was not written by a backup: move it away.",
                )
            # One read of the known size, so that nothing is copied again; the rest is a file that grew.
            return file.read(size) + file.read(limit - size)

    def size(self, key: str) -> int | None:
        """Return the size of a value; see the port."""
        found = self._status(key)
        return None if found is None else found.st_size

    def written(self, key: str) -> float | None:
        """Return when the file of a value was written; see the port."""
        found = self._status(key)
        return None if found is None else found.st_mtime

    def clock(self) -> float:
        """Return the time that a file gets which is written now; see the port."""
        with (
            self._sentences("write", "anything"),
            beneath.opened_folder(self.root, _BESIDE, create=True) as beside,
            _written(beside, b"clock") as name,
        ):
            return os.stat(name, dir_fd=beside, follow_symlinks=False).st_mtime

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is stored below a folder; see the port."""
        parts = check_prefix(prefix)
        with suppress(AbsentError), self._sentences("list", prefix):
            yield from self._walk(parts)

    def delete(self, key: str) -> bool:
        """Remove a value; see the port."""
        *folders, name = check_key(key)
        with (
            suppress(AbsentError),
            self._sentences("delete", key),
            beneath.opened_folder(self.root, folders) as home,
        ):
            os.unlink(name, dir_fd=home)
        return True

    def _status(self, key: str) -> os.stat_result | None:
        *folders, name = check_key(key)
        with suppress(AbsentError), self._sentences("look at", key):
            with beneath.opened_folder(self.root, folders) as home:
                found = os.stat(name, dir_fd=home, follow_symlinks=False)
            return found if stat.S_ISREG(found.st_mode) else None
        return None

    def _walk(self, parts: Sequence[str]) -> Iterator[Stored]:
        with beneath.opened_folder(self.root, parts) as folder:
            found = list(_statuses(folder))
        # A folder sorts as its keys do: with the '/' that follows its name.
        found.sort(key=lambda one: one[0] + "/" * stat.S_ISDIR(one[1].st_mode))
        for name, status in found:
            with suppress(KeyRefusedError):
                inner = check_key("/".join((*parts, name)))
                if stat.S_ISDIR(status.st_mode):
                    yield from self._walk(inner)
                elif stat.S_ISREG(status.st_mode):
                    yield Stored("/".join(inner), status.st_size, status.st_mtime)

    def _sweep_once(self) -> None:
        if self._swept:
            return
        self._swept = True
        oldest = self._now() - STALE_SECONDS
        with suppress(FileNotFoundError), beneath.opened_folder(self.root, _BESIDE) as beside:
            for name, status in _statuses(beside):
                # Another sweep may be first.
                with suppress(FileNotFoundError):
                    if status.st_mtime < oldest:
                        os.unlink(name, dir_fd=beside)

    @contextmanager
    def _sentences(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._sentence(error, verb, key) from error

    def _sentence(self, error: OSError, verb: str, key: str) -> OpsError:
        failed = f"Cannot {verb} {key or 'what is stored'} in {self.place}: {error.strerror or error}."
        if isinstance(error, FileNotFoundError):
            return AbsentError(failed, "Look at what is there, and at the spelling of the folder.")
        if isinstance(error, FileExistsError):
            return KeyTakenError(failed, "It is left as it was.")
        if verb == "read" and error.errno in _NOT_A_VALUE:
            return UnreadableError(
                failed, "Look at the disk; take what is missing from a copy of the repository."
            )
        if error.errno in _FULL:
            return StoreFullError(failed, "Make room on that disk, or name another folder.")
        if error.errno in _SHUT:
            return UnreachableError(
                failed, f"Give user {os.geteuid()} the right to it, or name another folder."
            )
        return UnreachableError(
            failed, "Look at that path: it must be folders and files, with no links among them."
        )


def _statuses(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    for name in os.listdir(folder):
        # Another process may delete it meanwhile.
        with suppress(FileNotFoundError):
            yield name, os.stat(name, dir_fd=folder, follow_symlinks=False)


@contextmanager
def _written(folder: int, data: bytes) -> Iterator[str]:
    """Give the name of a synced temporary file, and leave none behind."""
    name = uuid4().hex
    try:
        file = beneath.open_new(folder, name)
        try:
            beneath.write_all(file, data)
            beneath.sync(file)
        finally:
            os.close(file)
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
