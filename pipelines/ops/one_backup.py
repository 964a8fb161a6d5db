"""One backup of a source at a time, whoever starts it: a hand, cron, or one of several schedulers."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipelines.ops.errors import RefusedError

_PATIENCE_S = 900.0
_POLL_S = 0.2


@contextmanager
def one_backup(
    data_dir: Path, sources: Sequence[str], note: Callable[[str], None], *, patience: float = _PATIENCE_S
) -> Iterator[None]:
    """Hold sources of this data folder; wait for whoever has them. Raises RefusedError when it is too long.

    The right ends with the process. A folder that this user may not write, or that is not there, is shared
    with nobody who could hold it.
    """
    with ExitStack() as held:
        for source in sorted(sources):
            with suppress(OSError):
                path = data_dir / f".backup-{source}.lock"
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                held.callback(os.close, handle)
                _take(handle, data_dir, note, patience)
        yield


def _take(handle: int, data_dir: Path, note: Callable[[str], None], patience: float) -> None:
    deadline, said = time.monotonic() + patience, False
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise RefusedError(
                    f"Another backup of {data_dir} has not ended for {patience:g} s.",
                    "Wait until it has, or end it, then run this one again.",
                ) from error
        if not said:
            note("Another backup of these data is being taken; this one begins when that has ended.")
            said = True
        time.sleep(_POLL_S)  # a lock tells nobody that it is free, and waiting for it could not be bounded
