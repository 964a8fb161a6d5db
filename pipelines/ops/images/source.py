"""Where an image is read from: a tarball or an unpacked folder, as files under names."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, Self

from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.images.guarding import open_tar, read_members
from pipelines.ops.images.limits import STANDARD, Limits

_GZIP = b"\x1f\x8b"
_STEPS = 8
"""Symbolic links that are followed inside a tarball (`docker save` of old engines links equal layers)."""


class Source(Protocol):
    """The files of an image; a name is relative, with slashes."""

    @property
    def limits(self) -> Limits:
        """Return the bounds under which it is read."""

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises DamagedError when there is none."""


@contextmanager
def open_source(path: Path, spool: Path, limits: Limits = STANDARD) -> Iterator[Source]:
    """Open an image; a compressed tarball is unpacked into `spool` first. Raises OpsError."""
    if path.is_dir():
        yield FolderSource(path, limits)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise NothingError(
            f"The image {path} cannot be read ({error.strerror}).", "Name a tarball or a layout folder."
        ) from error
    with file, _seekable(file, spool / "outer.tar", limits) as tarball:
        yield TarSource(tarball, str(path), limits)


def read_document(source: Source, name: str) -> bytes:
    """Return a small file. Raises DamagedError when it is missing or too large to be a document."""
    with source.open(name) as file:
        content = file.read(source.limits.document + 1)
    if len(content) > source.limits.document:
        raise DamagedError(
            f"{name} of the image is larger than {source.limits.document} bytes.", "Save the image again."
        )
    return content


@dataclass(frozen=True, slots=True)
class FolderSource:
    """An unpacked image layout."""

    folder: Path
    limits: Limits = STANDARD

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return (self.folder / _inside(name)).is_file()

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises DamagedError when there is none."""
        try:
            return (self.folder / _inside(name)).open("rb")
        except OSError as error:
            raise _missing(name, str(self.folder)) from error


class TarSource:
    """A tarball of an image; only its table of names is held."""

    def __init__(self, file: BinaryIO, what: str, limits: Limits = STANDARD) -> None:
        self.limits = limits
        self._what = what
        self._members: dict[str, tarfile.TarInfo] = {}
        self._file = file
        tar = open_tar(file, f"The tarball {what}", limits)
        for member in read_members(tar, file, f"The tarball {what}", limits):
            self._members[_inside(member.name)] = member

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return _follow(self._members, _inside(name)) is not None

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises DamagedError when there is none."""
        member = _follow(self._members, _inside(name))
        if member is None:
            raise _missing(name, self._what)
        return _Window(self._file, member.offset_data, member.size)  # type: ignore[return-value]  # reads and closes, which is all that is asked


class _Window:
    """A part of a file, read from its start; several may be open at a time."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._at = start
        self._end = start + length

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._at
        self._file.seek(self._at)
        content = self._file.read(left if size < 0 else min(size, left))
        self._at += len(content)
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the file open; it belongs to the source."""


def _follow(members: Mapping[str, tarfile.TarInfo], name: str) -> tarfile.TarInfo | None:
    for _ in range(_STEPS):
        member = members.get(name)
        if member is None or member.isreg():
            return None if member is None or member.issparse() else member
        if member.issym():
            name = _joined(PurePosixPath(name).parent, member.linkname)
        elif member.islnk():
            name = _inside(member.linkname)
        else:
            return None
    return None


def _joined(parent: PurePosixPath, target: str) -> str:
    parts: list[str] = []
    for part in (parent / target).parts:
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _inside(name: str) -> str:
    """Return a name in its one spelling. Raises DamagedError when it leads out of the image."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or name.startswith("/"):
        raise DamagedError(
            f"The image names a file outside of itself: {name!r}.", "Do not use this image; build it again."
        )
    return "/".join(parts)


def _missing(name: str, what: str) -> DamagedError:
    return DamagedError(
        f"{name} is missing in the image {what}.", "Save the image again; this copy is not whole."
    )


@contextmanager
def _seekable(file: BinaryIO, spool: Path, limits: Limits) -> Iterator[BinaryIO]:
    start = file.read(len(_GZIP))
    file.seek(0)
    if start != _GZIP:
        yield file
        return
    with spool.open("w+b") as unpacked:
        try:
            with gzip.GzipFile(fileobj=file) as packed:
                while chunk := packed.read(1 << 20):
                    unpacked.write(chunk)
                    if unpacked.tell() > limits.layer:
                        raise DamagedError(
                            f"{file.name} unpacks to more than {limits.layer} bytes.", "Do not use this file."
                        )
        except (OSError, EOFError, zlib.error) as error:
            raise DamagedError(
                f"{file.name} cannot be unpacked: {error}.", "Save the image again."
            ) from error
        yield unpacked
