"""The programs of a Docker engine: the machine's own, or a later Debian's, which know `start_interval`.

`python -m tests.stack.programs` lays the later ones in `build/`, once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fetching import NotFetchedError, fetch

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
"""Debian's own client is asked before others: it knows BuildKit without a plug-in."""
_SUITE = "trixie"
_BUILD = Path(__file__).parents[2] / "build"
_LAID = _BUILD / f"docker-{_SUITE}"
_WANTED = (
    *("usr/sbin/dockerd", "usr/bin/docker-init", "usr/sbin/docker-proxy"),
    *("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2"),
)
"""What is taken of the later release; `runc` and `iptables` stay the machine's, for its libraries' sake."""


class NoEngineError(Exception):
    """No Docker engine can be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A dockerd, and the path in which it finds the other programs."""

    dockerd: str
    path: str


def docker_client() -> str:
    """Return the program that speaks to engines. Raises NoEngineError."""
    client = shutil.which("docker", path=SYSTEM_PATH) or shutil.which("docker")
    if client is None:
        raise NoEngineError("there is no docker program; Debian's package is docker.io")
    return client


def own_programs() -> Programs:
    """Return the machine's own. Raises NoEngineError."""
    path = f"{SYSTEM_PATH}:{os.environ.get('PATH', '')}"
    dockerd = shutil.which("dockerd", path=path)
    if dockerd is None:
        raise NoEngineError("there is no dockerd; Debian's package is docker.io")
    return Programs(dockerd, path)


def later_programs() -> Programs:
    """Return those of the later release, fetched when they are not there yet. Raises NoEngineError."""
    path = f"{_LAID}:{own_programs().path}"
    if not _LAID.exists():
        _BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".docker-", dir=_BUILD) as name:
            _lay(Path(name))
    dockerd = _LAID / "dockerd"
    done = subprocess.run([dockerd, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoEngineError(f"{_SUITE}'s dockerd does not run on this machine: {done.stderr.strip()[-400:]}")
    return Programs(str(dockerd), path)


def _lay(folder: Path) -> None:
    """Fetch the packages, and put what is wanted of them in its place as a whole."""
    if shutil.which("mmdebstrap") is None:
        raise NoEngineError("there is no mmdebstrap to fetch a later engine with")
    root, laid = folder / "root", folder / "laid"
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=extract", "--include=docker.io"]
    command += [_SUITE, root]
    try:
        fetch(command)
    except NotFetchedError as error:
        raise NoEngineError(f"{_SUITE}'s engine cannot be fetched: {error}") from error
    laid.mkdir()
    for name in _WANTED:
        shutil.copy(root / name, laid)
    laid.rename(_LAID)


if __name__ == "__main__":
    try:
        print(later_programs().dockerd)  # noqa: T201  # a command
    except NoEngineError as error:
        sys.exit(f"No later engine: {error}")
