"""One restore at a time on one data folder, and no stack on it while its files are replaced."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.life import SILENCE_S, showing_life, silent_for

_RESTORE = ".restore.lock"
_STACK = ".stack.lock"
"""Held by `synapse up` while the stack is up."""
_CAPTURE = ".capture.lock"
"""Shared by backups while they copy, held alone by a restore while it swaps."""
_BETWEEN = "Wait until it has ended, then look at its result."
_KILL = (
    "kill its process, or `docker rm --force` the container that `docker ps --filter name=ops-run` shows,"
    " or `docker compose kill scheduler`"
)
_ENDING = f"End it: {_KILL}. The next `synapse` command finishes or undoes what it began."


class HangingError(RefusedError):
    """Another restore holds the right, and its process has stood still for long."""


@contextmanager
def one_restore(data_dir: Path) -> Iterator[None]:
    """Hold the right to restore into this data folder; it ends with the process, however that ends.

    Raises RefusedError while another restore holds it; a HangingError when that one shows no life.
    """
    with _held(data_dir, _RESTORE, lambda: _other(data_dir)) as handle, showing_life(handle):
        yield


@contextmanager
def capturing(data_dir: Path) -> Iterator[None]:
    """Hold both stores as one moment: no restore swaps them meanwhile. Several may capture at once.

    Raises RefusedError while a restore swaps. A folder that this user may not write, or that is not there,
    is none that a restore of this user could change.
    """
    with ExitStack() as held:
        with suppress(OSError):
            handle = os.open(data_dir / _CAPTURE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RefusedError(
                    f"A restore into {data_dir} is replacing its data.",
                    "Run the backup again when it has ended.",
                ) from error
        yield


@contextmanager
def no_capture(data_dir: Path) -> Iterator[None]:
    """Keep backups from copying one store before and the other after a swap. Raises RefusedError."""
    with _held(
        data_dir,
        _CAPTURE,
        lambda: RefusedError(
            f"A backup of {data_dir} is being taken, and would be half of before and half of after the"
            " restore.",
            f"Wait until it has ended, then restore again. If it hangs, {_KILL}.",
        ),
    ):
        yield


@contextmanager
def no_stack(data_dir: Path) -> Iterator[None]:
    """Keep the stack from starting on this data folder. Raises RefusedError while it is up."""
    with _held(
        data_dir,
        _STACK,
        lambda: RefusedError(
            f"The stack on {data_dir} is up or starting, but its Redis does not answer.",
            "Wait until it answers, or stop the stack, then restore again.",
        ),
    ):
        yield


@contextmanager
def _held(data_dir: Path, name: str, busy: Callable[[], RefusedError]) -> Iterator[int]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OpsError(
            f"{data_dir} cannot be written ({error.strerror}).", "Run as the owner of DATA_DIR, or change it."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy() from error
        yield handle
    finally:
        os.close(handle)


def _other(data_dir: Path) -> RefusedError:
    silent = silent_for(data_dir / _RESTORE)
    if silent > SILENCE_S:
        what = f"Another restore into {data_dir} hangs: it has shown no life for {silent:.0f} s."
        return HangingError(what, _ENDING)
    return RefusedError(f"Another restore into {data_dir} is running.", _BETWEEN)
