"""The S3 server that tests run (versitygw), built once from its Go module and all that it needs, pinned."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fetching import NotFetchedError, fetch

_BUILT = Path(__file__).parents[2] / "build" / "versitygw"
_TOOLS = Path(__file__).parent / "tools"
_MODULE = "github.com/versity/versitygw/cmd/versitygw"


class NoServerError(Exception):
    """There is no S3 server here, and why."""


def s3_program() -> Path:
    """Return the server program. Raises NoServerError."""
    _BUILT.parent.mkdir(exist_ok=True)
    with _BUILT.with_suffix(".lock").open("w") as lock:
        # Whoever comes while another builds waits for that.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _BUILT.exists():
            _build()
    return _BUILT


def _build() -> None:
    go = shutil.which("go")
    if go is None:
        raise NoServerError("there is no S3 server, and no Go to build one")
    beside = _BUILT.with_suffix(".new")
    try:
        fetch([go, "list", "-deps", _MODULE], folder=_TOOLS)
    except NotFetchedError as error:
        raise NoServerError(f"versitygw cannot be fetched: {error}") from error
    command = [go, "build", "-o", str(beside), _MODULE]
    done = subprocess.run(command, cwd=_TOOLS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoServerError(f"versitygw cannot be built: {done.stderr.strip()[-400:]}")
    beside.replace(_BUILT)


if __name__ == "__main__":
    # A command, `python -m tests.s3.program`: a test alone would have to wait for it.
    try:
        s3_program()
    except NoServerError as error:
        sys.stderr.write(f"Tests of S3 will be skipped: {error}\n")
