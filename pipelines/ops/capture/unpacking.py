"""Unpack a tar.gz that nobody vouches for: plain files only, below one folder, up to a size."""

import gzip
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.errors import DamagedError

_MOST_FILES = 100_000
_BLOCK = 1 << 20


class _TooLargeError(Exception):
    """The archive unpacks to more than it may."""


class _Counted:
    """A stream that counts what is read, the tar's own headers and padding included."""

    def __init__(self, stream: gzip.GzipFile, most: int, progress: Callable[[int], None]) -> None:
        self._stream = stream
        self._left = most
        self._progress = progress

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise _TooLargeError
        self._progress(len(block))
        return block


def unpack(
    archive: Path, folder: Path, *, most: int, progress: Progress = ignore
) -> tuple[list[str], list[str]]:
    """Return the files that were unpacked below `folder`, and notes of what was left out.

    Raises DamagedError when it is damaged, climbs out or unpacks to more than `most` bytes; OSError.
    """
    with archive.open("rb") as file:
        try:
            return _unpack(file, folder, most, progress)
        except _TooLargeError as error:
            raise DamagedError(
                f"{archive} unpacks to more than {most} bytes.", "Allow more if it is known to be good."
            ) from error
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DamagedError(
                f"{archive} is damaged or no tar.gz ({error}).", "Use another backup."
            ) from error
        except ValueError as error:
            raise DamagedError(
                f"{archive} is refused: {error}.", "Do not unpack it by hand either."
            ) from error


def _unpack(file: BinaryIO, folder: Path, most: int, progress: Progress) -> tuple[list[str], list[str]]:
    names: dict[str, None] = {}
    notes: list[str] = []
    stream = _Counted(gzip.GzipFile(fileobj=file), most, progress)
    with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|") as tar:
        for member in tar:
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                notes.append(f"{member.name[:200]!r} is a link or a device and is left out")
                continue
            name = _safe(member.name)
            if len(names) >= _MOST_FILES:
                raise ValueError(f"it holds more than {_MOST_FILES} files")
            _place(cast("BinaryIO", content), folder, name)
            names[name] = None
    while stream.read(_BLOCK):
        pass  # the sum of the whole comes last
    return sorted(names), notes


def _place(content: BinaryIO, folder: Path, name: str) -> None:
    target = folder / name
    try:
        target.unlink(missing_ok=True)
        copy_open(content, target, None)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise ValueError(f"{name!r} is a file and a folder in it") from error


def _safe(name: str) -> str:
    """Return a path below the folder; a leading slash is dropped as tar itself does."""
    path = PurePosixPath(name.lstrip("/"))
    if not path.parts or ".." in path.parts or not name.isprintable() or "\\" in name:
        raise ValueError(f"the name {name[:200]!r} leads out of its folder")
    return path.as_posix()
