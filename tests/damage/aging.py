"""Time that passes for a repository in files, while nobody works on it."""

import os
from pathlib import Path

AGED_S = 13 * 3600.0
"""Longer than a list of condemned objects waits: what one prune lists, the next deletes."""


def age(folder: Path) -> None:
    """Make every file older, as the store's clock sees it."""
    for path in folder.rglob("*"):
        if path.is_file():
            was = path.stat().st_mtime
            os.utime(path, (was - AGED_S, was - AGED_S))
