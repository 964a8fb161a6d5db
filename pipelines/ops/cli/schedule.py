"""`synapse schedule`: run backups and what belongs to them when they are due, and tell of what went wrong."""

from enum import StrEnum
from typing import Annotated

import typer

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json
from pipelines.ops.errors import UsageError


class JobName(StrEnum):
    """What can be run once."""

    BACKUP = "backup"
    VERIFY = "verify"
    FORGET = "forget"
    PRUNE = "prune"


def schedule(
    *,
    check: Annotated[bool, typer.Option("--check", help="Show when each job runs next, and end.")] = False,
    once: Annotated[JobName | None, typer.Option("--once", help="Run this job now, and end.")] = None,
    as_json: Json = False,
) -> None:
    """Run the jobs of SYNAPSE_SCHEDULE_* when they are due, in the foreground, until told to end.

    What was missed while it was down is run once at the start. It logs JSON lines to stderr.
    """
    from pipelines.ops.cli.scheduling import show_or_run  # noqa: PLC0415  # no other command needs its parts

    with guarded(json=as_json) as output:
        if check and once:
            raise UsageError("--check and --once are two things to do.", "Leave one out.")
        show_or_run(output, check=check, once=once.value if once else None)
