"""One restore at a time on one data folder, and no stack on it while its files are replaced."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipelines.ops.errors import OpsError, RefusedError

_RESTORE = ".restore.lock"
_STACK = ".stack.lock"
"""Held by `synapse up` while the stack is up."""
_CAPTURE = ".capture.lock"
"""Shared by backups while they copy, held alone by a restore while it swaps."""


@contextmanager
def one_restore(data_dir: Path) -> Iterator[None]:
    """Hold the right to restore into this data folder; it ends with the process, however that ends.

    Raises RefusedError while another restore holds it.
    """
    with _held(
        data_dir,
        _RESTORE,
        f"Another restore into {data_dir} is running.",
        "Wait until it has ended, then look at its result.",
    ):
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
        f"A backup of {data_dir} is being taken, and would be half of before and half of after the restore.",
        "Wait until it has ended, then restore again.",
    ):
        yield


@contextmanager
def no_stack(data_dir: Path) -> Iterator[None]:
    """Keep the stack from starting on this data folder. Raises RefusedError while it is up."""
    with _held(
        data_dir,
        _STACK,
        f"The stack on {data_dir} is up or starting, but its Redis does not answer.",
        "Wait until it answers, or stop the stack, then restore again.",
    ):
        yield


@contextmanager
def _held(data_dir: Path, name: str, busy: str, hint: str) -> Iterator[None]:
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
            raise RefusedError(busy, hint) from error
        yield
    finally:
        os.close(handle)
