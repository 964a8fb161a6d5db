"""The jobs that a schedule knows: each is one `synapse` command with its timetable and its bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pipelines.ops.errors import ExitCode
from pipelines.ops.schedule.rules import LATE
from pipelines.ops.schedule.timetable import Timetable

BACKUP = "backup"
VERIFY = "verify"
FORGET = "forget"
PRUNE = "prune"
NAMES = (BACKUP, VERIFY, FORGET, PRUNE)
_ARGUMENTS = {
    BACKUP: ("backup", "--json"),
    # Every backup proves itself; what is left to look for is rot.
    VERIFY: ("verify", "--all", "--level", "2", "--json"),
    FORGET: ("forget", "--yes", "--json"),
    PRUNE: ("prune", "--json"),
}
_MAY_FIND_NOTHING = (FORGET, PRUNE)


@dataclass(frozen=True, slots=True)
class Job:
    """What is run, when, for how long at most, and after which time without a success somebody is told."""

    name: str
    arguments: tuple[str, ...]
    timetable: Timetable
    limit: timedelta
    max_age: timedelta

    def good(self, code: int) -> bool:
        """Say whether an exit code is a success of this job."""
        nothing = self.name in _MAY_FIND_NOTHING and code == ExitCode.NOTHING
        return nothing or code == ExitCode.DONE


def job(
    name: str,
    timetable: Timetable,
    *,
    limit: timedelta,
    max_age: timedelta | None = None,
    options: Sequence[str] = (),
) -> Job:
    """Make a job; without an age of its own it may be later than its timetable says by two hours."""
    return Job(
        name,
        (*_ARGUMENTS[name], *options),
        timetable,
        limit,
        max_age or timetable.longest_gap + LATE,
    )
