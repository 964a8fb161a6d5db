"""Restores as `child` does, and kills itself just before the n-th change that it makes to the disk.

usage: python -m tests.ops.restore.dying_child N POINT [FOLDER]; N of 0 prints how many changes there are.
"""

import os
import signal
import sys
from pathlib import Path

from pipelines.ops.restore.flow import restore
from tests.ops.restore.child import made_ready

_CHANGES = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"),
    *("os.chown", "os.chmod", "os.truncate", "os.utime"),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Changes:
    """An audit hook that counts changes to the disk, and dies at one of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def __call__(self, event: str, values: tuple[object, ...]) -> None:
        """Count one."""
        if event == "open" and values[0] != os.devnull:
            flags = values[2]
            changes = isinstance(flags, int) and bool(flags & _WRITES)
        else:
            changes = event in _CHANGES
        if not changes:
            return
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    work = made_ready()
    counted = Changes(int(sys.argv[1]))
    sys.addaudithook(counted)
    restore(work, sys.argv[2], into=Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    print(counted.count)  # noqa: T201  # what the test reads
