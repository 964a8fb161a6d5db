"""Small disks of their own, to be filled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unchecked import not_checked


@contextmanager
def small_disk(folder: Path, options: str = "size=1m") -> Iterator[Path]:
    """Mount a small file system over a folder while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        not_checked(f"this user may mount no small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)


def fill_up(folder: Path, leave: int = 0) -> Path:
    """Fill the disk of a folder but for about `leave` bytes; return the file that does."""
    stuffing = folder / "stuffing"
    with stuffing.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)) == 1 << 16:
                pass
        except OSError:
            pass
        file.truncate(max(file.tell() - leave, 0))
    return stuffing
