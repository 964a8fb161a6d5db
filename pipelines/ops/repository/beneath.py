"""Open files beneath a folder without ever following a symbolic link out of it."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking, because opening a pipe that someone laid there would wait for ever.
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened_folder(root: Path, parts: Sequence[str] = (), *, create: bool = False) -> Iterator[int]:
    """Give the descriptor of the folder `parts` beneath `root`; `root` itself may be a link."""
    if create and not root.exists():
        root.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = _open_inner(folder, part, create=create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def open_new(folder: int, name: str) -> int:
    """Return the descriptor of a new file for its owner alone; `FileExistsError` when the name is taken.

    Its owner is the folder's, also when root writes: who owns a folder must be able to read what is in it.
    """
    file = os.open(name, _NEW, 0o600, dir_fd=folder)
    _inherit(folder, file)
    return file


def open_old(folder: int, name: str) -> int:
    """Return the descriptor of a regular file for reading."""
    file = os.open(name, _OLD, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise IsADirectoryError(errno.EISDIR, "It is not a regular file", name)
    return file


def write_all(file: int, data: bytes | memoryview) -> None:
    """Write every byte, however few the system takes at a time."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def sync(descriptor: int) -> None:
    """Return when a file or folder is on the disk itself, also where `fsync` stops at the disk's cache."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, full)


def sync_folder(root: Path, parts: Sequence[str] = ()) -> None:
    """Make the names in a folder survive a power loss."""
    with opened_folder(root, parts) as folder:
        sync(folder)


def _open_inner(folder: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    # Another writer may make it first.
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    inner = os.open(name, _FOLDER, dir_fd=folder)
    _inherit(folder, inner)
    return inner


def _inherit(folder: int, descriptor: int) -> None:
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
