"""The one time of an image: that of the last commit which touched what the image is built from."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.errors import NothingError, OpsError, RefusedError, UsageError

INPUTS = {
    "backend": (".dockerignore", "app", "requirements.lock"),
    "ops": (
        *(".dockerignore", "README.md", "app", "pipelines", "pyproject.toml"),
        *("requirements.lock", "requirements-s3.lock"),
    ),
    "frontend": ("frontend",),
}
"""What each image is built from, relative to the project's folder."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Epoch:
    """Seconds since 1970, of which commit, and the changed inputs that no commit holds."""

    seconds: int
    commit: str
    changed: tuple[str, ...]


def read_epoch(project: Path, paths: Sequence[str], *, allow_changed: bool = False) -> Epoch:
    """Return the time of the last commit that touched one of the paths. Raises OpsError.

    Refused: inputs that differ from their commit, unless allowed; a clone too shallow to know the commit.
    """
    if not paths:
        raise UsageError("No inputs are named.", f"Name an image ({', '.join(INPUTS)}) or give --path.")
    changed = _changed(project, paths)
    if changed and not allow_changed:
        more = ", ..." if len(changed) > _NAMED else ""
        raise RefusedError(
            f"{len(changed)} inputs of the image are changed or new: {', '.join(changed[:_NAMED])}{more}.",
            "Commit them, or build for yourself with --allow-dirty.",
        )
    commit, _, seconds = _git(project, "log", "-1", "--format=%H %ct", "--", *paths).strip().partition(" ")
    if not commit:
        raise NothingError(f"No commit holds any of {', '.join(paths)}.", "Check the paths; they are git's.")
    if commit in _boundary(project):
        raise RefusedError(
            f"The clone in {project} is too shallow to know which commit touched {', '.join(paths)} last.",
            "Fetch the history: `git fetch --unshallow`, or `fetch-depth: 0` for actions/checkout.",
        )
    return Epoch(int(seconds), commit, changed)


def _changed(project: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Return what differs from its commit or is in none, whatever this machine's own git would ignore."""
    status = _git(project, "status", "--porcelain=v1", "--untracked-files=no", "-z", "--", *paths)
    new = _git(
        project,
        "ls-files",
        "--others",
        "--exclude-per-directory=.gitignore",
        "-z",
        "--full-name",
        "--",
        *paths,
    )
    known = [line[3:] for line in status.split("\0") if line[2:3] == " "]
    return (*known, *(name for name in new.split("\0") if name))


def _boundary(project: Path) -> frozenset[str]:
    """Return the commits whose parents a shallow clone lacks; each seems to have made every file."""
    path = project / _git(project, "rev-parse", "--git-path", "shallow").strip()
    return frozenset(path.read_text().split()) if path.exists() else frozenset()


def _git(project: Path, *arguments: str) -> str:
    environ = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", project, *arguments],  # noqa: S607  # git of the machine
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise OpsError(
            "There is no git on this machine.", "Install git, or give the epoch yourself."
        ) from error
    if done.returncode:
        words = done.stderr.strip().removeprefix("fatal: ").splitlines() or ["no reason given"]
        raise UsageError(
            f"git cannot tell the history of {project}: {words[0].rstrip('.')}.",
            "Run it in a clone of the project that has a commit, or give the epoch yourself.",
        )
    return done.stdout
