"""One backup of a source at a time, whoever starts it: a hand, cron, or one of several schedulers."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipelines.ops.errors import RefusedError
from pipelines.ops.life import SILENCE_S, showing_life, silent_for

_PATIENCE_S = 900.0
_POLL_S = 0.2


@contextmanager
def one_backup(
    data_dir: Path, sources: Sequence[str], note: Callable[[str], None], *, patience: float = _PATIENCE_S
) -> Iterator[None]:
    """Hold sources of this data folder; wait for whoever has them. Raises RefusedError when it is too long.

    Whoever has them and hangs is not waited for: this one goes on beside it, which harms neither. The right
    ends with the process. A folder that this user may not write, or that is not there, is shared with nobody
    who could hold it.
    """
    with ExitStack() as held:
        for source in sorted(sources):
            with suppress(OSError):
                path = data_dir / f".backup-{source}.lock"
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                held.callback(os.close, handle)
                if _taken(handle, path, note, patience):
                    held.enter_context(showing_life(handle))
        yield


def _taken(handle: int, path: Path, note: Callable[[str], None], patience: float) -> bool:
    """Wait for a lock; False when whoever holds it hangs."""
    deadline, said = time.monotonic() + patience, False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if silent_for(path) > SILENCE_S:
                note("Another backup of these data hangs; this one goes on beside it.")
                return False
            if time.monotonic() >= deadline:
                raise RefusedError(
                    f"Another backup of {path.parent} has not ended for {patience:g} s.",
                    "Wait until it has, or end it, then run this one again.",
                ) from error
        else:
            return True
        if not said:
            note("Another backup of these data is being taken; this one begins when that has ended.")
            said = True
        time.sleep(_POLL_S)  # a lock tells nobody that it is free, and waiting for it could not be bounded
