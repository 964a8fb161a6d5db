"""Copy an open file into the spool: an open file keeps its content, whatever happens to its name."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

Progress = Callable[[int], None]
"""Called now and then with the bytes done since its last call."""
_BLOCK = 4 << 20


def ignore(_amount: int) -> None:
    """Show no progress."""


def copy_open(
    source: BinaryIO,
    target: Path,
    length: int | None,
    progress: Progress = ignore,
    *,
    start: int | None = None,
) -> str:
    """Copy `length` bytes (all when None) from `start` or from where the file stands.

    Returns their BLAKE3. Raises OSError, and EOFError when the file is shorter than that.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = blake3()
    left = length
    if start is not None:
        source.seek(start)
    with target.open("xb") as copy:
        while left is None or left > 0:
            block = source.read(_BLOCK if left is None else min(_BLOCK, left))
            if not block:
                break
            copy.write(block)
            digest.update(block)
            progress(len(block))
            left = left if left is None else left - len(block)
    if left:
        raise EOFError(f"{left} bytes are missing")
    return digest.hexdigest()
