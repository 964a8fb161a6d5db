"""Hand a command to the `ops` container: there a scratch server is where the stack's Redis can reach it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pipelines.ops.containers.docker import containers
from pipelines.ops.errors import OpsError, UnreachableError, UsageError


def hand_over(arguments: Sequence[str], *, files: Sequence[str], terminal: bool) -> NoReturn:
    """Become `docker compose run --rm ops …`, whose exit code is then ours.

    Raises UnreachableError, and UsageError outside of the stack's folder.
    """
    check_folder(files)
    command = [*compose_command(), "run", "--rm", *([] if terminal else ["--no-TTY"]), "ops", *arguments]
    os.execvp(command[0], command)  # noqa: S606  # every word is ours or the operator's own argument


def check_folder(files: Sequence[str]) -> None:
    """Raise UsageError unless the first compose file is here; name the folder of the stack if it is known."""
    first = Path(files[0])
    if first.is_file():
        return
    known: set[str] = set()
    with suppress(OpsError):
        known = {one.folder for one in containers().values() if one.folder}
    raise UsageError(
        f"SYNAPSE_STACK=compose, but there is no {first} in {Path.cwd()}.",
        f"Run it in the folder of the stack{''.join(f': cd {folder}' for folder in sorted(known))}.",
    )


def compose_command() -> list[str]:
    """Return how compose v2 is called on this machine. Raises UnreachableError when it is not there."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and _is_second(command):
            return command
    raise UnreachableError(
        "There is no docker compose (version 2) on this machine.",
        "Install its plug-in, or unset SYNAPSE_STACK if the stack runs without containers.",
    )


def _is_second(command: Sequence[str]) -> bool:
    done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stdout.startswith("1.")
