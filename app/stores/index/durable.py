"""Put small files and folders on disk so that power loss leaves the old state or the new one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

Step: TypeAlias = Callable[[str], None]
"""Told the name of each step once it is done; a test dies in it, to see what is left on disk."""


def unobserved(_step: str) -> None:
    """Let every step pass."""


def replace_file(path: Path, content: bytes, *, step: Step = unobserved) -> None:
    """Make `content` the content of `path`, whole or not at all. Raises OSError."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            step("written beside")
            os.fsync(file.fileno())
        step("synced beside")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    step("renamed")
    sync(path.parent)
    step("folder synced")


def sync(path: Path) -> None:
    """Have the kernel write a file, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
