"""Which paths of files a restore point may name: relative, downwards, and each a file only."""

from collections.abc import Iterable
from pathlib import PurePosixPath

MAX_PATH = 4096


def path_problem(path: str) -> str | None:
    """Return why a file of a source may not be called so, or None when it may."""
    if not path or len(path) > MAX_PATH:
        return "is empty or longer than 4096 characters"
    if "\0" in path:
        return "has a NUL character"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "is not a plain path below its folder"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "is not Unicode text"
    return None


def clash(paths: Iterable[str]) -> str | None:
    """Return a path that is there twice, or is both a file and a folder of another, or None."""
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            return path
        seen.add(path)
    folders = {str(parent) for path in seen for parent in PurePosixPath(path).parents}
    return next(iter(sorted(seen & folders)), None)
