"""What git says of the project's folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pipelines.dag.errors import RefusedJobError


def uncommitted(folder: Path) -> list[str]:
    """Return the files that differ from the commit or are in none. Raises RefusedJobError outside of git.

    Of what is to be ignored the project's own .gitignore files count alone, as for the engine: settings of
    the operator's git, and .git/info/exclude, would hide files that are built from.
    """
    changed = _listed(folder, "status", "--porcelain", "--untracked-files=no", "-z")
    new = _listed(folder, "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z")
    return [*(line[3:] for line in changed if line[2:3] == " "), *new]


def facts_of(folder: Path) -> dict[str, object]:
    """Return of which commit a run is, and whether the tree differs from it, as facts of its report."""
    try:
        changed = uncommitted(folder)
    except RefusedJobError:
        return {"commit": "none: no clone"}
    return {"commit": _commit(folder, "HEAD"), "dirty": f"yes, {len(changed)} files" if changed else "no"}


def of_another_commit(folder: Path, tags: Sequence[str]) -> list[str]:
    """Return those of the tags that git has too, and that are another commit's than the present one."""
    here = _commit(folder, "HEAD")
    return [tag for tag in tags if _commit(folder, f"refs/tags/{tag}") not in ("", here)]


def _commit(folder: Path, name: str) -> str:
    """Return the commit of a name, empty when there is none."""
    done = subprocess.run(
        ["git", "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"],  # noqa: S607  # the operator's own git
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _listed(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(
        ["git", *words],  # noqa: S607  # the operator's own git
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RefusedJobError(
            f"{folder} is no clone: {done.stderr.strip().splitlines()[-1:]}.",
            "Run it in a clone of the project.",
        )
    return [line for line in done.stdout.split("\0") if line]
