"""Hand a command to the `ops` container: there a scratch server is where the stack's Redis can reach it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import NoReturn

from pipelines.ops.errors import UnreachableError


def hand_over(arguments: Sequence[str], *, terminal: bool) -> NoReturn:
    """Become `docker compose run --rm ops …`, whose exit code is then ours. Raises UnreachableError."""
    command = [*compose_command(), "run", "--rm", *([] if terminal else ["--no-TTY"]), "ops", *arguments]
    os.execvp(command[0], command)  # noqa: S606  # every word is ours or the operator's own argument


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
