"""Processes of this machine: what each has started, and in which state it is."""

from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """Return those that it has started itself."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def below(pid: int) -> list[int]:
    """Return those, and all that they have started."""
    found = children(pid)
    for child in found:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found += children(child)
    return found


def state_of(pid: int) -> str:
    """Return the letter of its state, T of one that is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended may be shown until its parent asks how."""
    try:
        return state_of(pid) not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
