"""Reading tars of strangers: bounded memory, bounded counts, and no quiet end at a broken header."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipelines.ops.errors import DamagedError
from pipelines.ops.images.limits import Limits

_AGAIN = "Build the image again, and save it again with the program that wrote it."


def open_tar(file: BinaryIO, what: str, limits: Limits) -> tarfile.TarFile:
    """Open an uncompressed, seekable tar; it lives as long as its file. Raises DamagedError."""
    file.seek(0)
    try:
        return tarfile.open(fileobj=cast("BinaryIO", _Guarded(file, what, limits.header)), mode="r:")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _unreadable(what, error) from error


def read_members(
    tar: tarfile.TarFile, file: BinaryIO, what: str, limits: Limits
) -> Iterator[tarfile.TarInfo]:
    """Yield each member of a tar. Raises DamagedError."""
    length = file.seek(0, 2)
    total = 0
    try:
        for count, member in enumerate(tar, 1):
            total += max(member.size, 0)
            if count > limits.entries or total > limits.layer:
                raise DamagedError(
                    f"{what} claims more than {limits.entries} names or {limits.layer} bytes.", _AGAIN
                )
            whole = member.issparse() or not member.isreg() or member.offset_data + member.size <= length
            if member.size < 0 or not whole:
                raise DamagedError(f"{what} breaks off within {member.name!r}.", _AGAIN)
            yield member
        _expect_end(file, tar.offset, what)
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _unreadable(what, error) from error


def _unreadable(what: str, error: Exception) -> DamagedError:
    return DamagedError(f"{what} is not a readable tar: {error}.", _AGAIN)


def _expect_end(file: BinaryIO, offset: int, what: str) -> None:
    """Refuse a tar that `tarfile` took to end where a header is broken or cut."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0") or 0 < len(block) < tarfile.BLOCKSIZE:
        raise DamagedError(f"{what} has a broken header at byte {offset}.", _AGAIN)


class _Guarded:
    """A file that refuses to give more at once than a header may be long."""

    def __init__(self, file: BinaryIO, what: str, most: int) -> None:
        self._file = file
        self._what = what
        self._most = most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._most:
            raise DamagedError(f"{self._what} has a header of {size} bytes.", _AGAIN)
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()
