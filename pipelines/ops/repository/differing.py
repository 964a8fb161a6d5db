"""Which files differ between two restore points, by their SHA-256."""

from dataclasses import dataclass
from typing import Literal

from pipelines.ops.model import RestorePoint
from pipelines.ops.repository.points import files_of

Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file, as a message calls it, and its sizes in bytes in both points; None where it is not."""

    name: str
    change: Change
    before: int | None
    after: int | None


def differences(one: RestorePoint, other: RestorePoint) -> list[Difference]:
    """Return every file that the two points do not have alike, sorted by name."""
    before, after = dict(files_of(one)), dict(files_of(other))
    found = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            change: Change = "added" if was is None else "removed"
        elif (was.size, was.sha256) != (now.size, now.sha256):
            change = "changed"
        else:
            continue
        found.append(Difference(name, change, was.size if was else None, now.size if now else None))
    return found
