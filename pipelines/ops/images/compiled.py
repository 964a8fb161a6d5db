"""Compiled Python that names the time of its source: the stamp follows when every time is set.

A `.pyc` holds four bytes each of magic, flags, time and size (PEP 552); with flags 0 Python compares the
time and the size with the source's. Were only the source's time set, every valid file would turn stale, and
a container with a read-only root would compile at each start.
"""

import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath

HEADER = 16
_MASK = 0xFFFFFFFF

Stamps = dict[str, tuple[int, int]]
"""Time in whole seconds and size in bytes of each source, by path, as the build wrote them."""


def source_of(path: str) -> str | None:
    """Return the path of the source of a compiled file, or None when it is none."""
    compiled = PurePosixPath(path)
    if compiled.suffix != ".pyc":
        return None
    if compiled.parent.name == "__pycache__":
        return str(compiled.parent.parent / f"{compiled.name.split('.')[0]}.py")
    return str(compiled.with_suffix(".py"))


def led_to(path: str, target: str) -> str:
    """Return where a symbolic link leads, as a path of the image; links of folders are not followed."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")


def restamped(path: str, header: bytes, stamps: Mapping[str, tuple[int, int]], epoch: int) -> bytes:
    """Return the header of a compiled file with the source's new time; a stale one stays as it is."""
    stamp = stamps.get(source_of(path) or "")
    if stamp is None or len(header) < HEADER or any(header[4:8]):
        return header
    named = (int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:16], "little"))
    if named != (stamp[0] & _MASK, stamp[1] & _MASK):
        return header
    return header[:8] + (epoch & _MASK).to_bytes(4, "little") + header[12:]
