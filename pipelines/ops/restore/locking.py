"""One restore at a time on one data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.ops.errors import OpsError, RefusedError

_NAME = ".restore.lock"


@contextmanager
def one_restore(data_dir: Path) -> Iterator[None]:
    """Hold the right to restore into this data folder; it ends with the process, however that ends.

    Raises RefusedError while another restore holds it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(data_dir / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OpsError(
            f"{data_dir} cannot be written ({error.strerror}).", "Run as the owner of DATA_DIR, or change it."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                f"Another restore into {data_dir} is running.",
                "Wait until it has ended, then look at its result.",
            ) from error
        yield
    finally:
        os.close(handle)
