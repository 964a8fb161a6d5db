"""Docker compose as a program: the machine's own plug-in, or one built once from its Go module."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.fetching import NotFetchedError, fetch
from tests.stack.engine import NoEngineError

PROJECT = Path(__file__).parents[2]
_BUILT = PROJECT / "build" / "docker-compose"
_TOOLS = Path(__file__).parent / "tools"
_MODULE = "github.com/docker/compose/v2/cmd"


@cache
def compose_command() -> tuple[str, ...]:
    """Return how compose v2 is called here. Raises NoEngineError."""
    docker = shutil.which("docker")
    if docker and _runs([docker, "compose", "version"]):
        return (docker, "compose")
    if not _BUILT.exists():
        _build()
    return (str(_BUILT),)


def _build() -> None:
    go = shutil.which("go")
    if go is None:
        raise NoEngineError("there is no compose plug-in, and no Go to build one")
    _BUILT.parent.mkdir(exist_ok=True)
    beside = _BUILT.with_suffix(".new")
    try:
        fetch([go, "list", "-deps", _MODULE], folder=_TOOLS)
    except NotFetchedError as error:
        raise NoEngineError(f"compose cannot be fetched: {error}") from error
    command = [go, "build", "-o", str(beside), _MODULE]
    done = subprocess.run(command, cwd=_TOOLS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoEngineError(f"compose cannot be built: {done.stderr.strip()[-400:]}")
    beside.replace(_BUILT)


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    print(*compose_command())  # noqa: T201  # a command: `python -m tests.stack.compose` builds it
