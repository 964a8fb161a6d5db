"""Programs that fetch over the network: each is given so long, since a dead mirror says nothing by itself."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

FETCH_S = 300.0
_ENDS_S = 10.0
"""How long it may clean up after itself once it is told to end."""
_TOO_LONG = (124, 137, -9)
"""How `timeout` ends when it had to end what it ran, be it by force."""


class NotFetchedError(Exception):
    """It could not be fetched; the text says why."""


def fetch(command: Sequence[str | Path], *, folder: Path | None = None, seconds: float = FETCH_S) -> None:
    """Run a program that fetches; it and all that it started end after `seconds`. Raises NotFetchedError."""
    bounded = ["timeout", f"--kill-after={_ENDS_S:g}", f"{seconds:g}", *command]
    late = f"{command[0]} was not done within {seconds:g} s: does what it fetches from answer?"
    try:
        done = subprocess.run(
            bounded,
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            # What is left of it may hold the pipes.
            timeout=seconds + 2 * _ENDS_S,
        )
    except subprocess.TimeoutExpired as error:
        raise NotFetchedError(late) from error
    if done.returncode in _TOO_LONG:
        raise NotFetchedError(late)
    if done.returncode:
        raise NotFetchedError(done.stderr.strip()[-400:])
