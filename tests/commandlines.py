"""Command lines of jobs and of `synapse`, read by the real parsers; nothing is run."""

from collections.abc import Sequence

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipelines import backup, ci, drill, release, reproduce, restore
from pipelines.dag.arguments import parser, read
from pipelines.dag.job import Job
from pipelines.dag.plan import Plan, selected
from pipelines.ops.cli.main import app

JOBS: dict[str, Job] = {
    job.name: job
    for job in (ci.CI, release.RELEASE, reproduce.REPRODUCE, backup.BACKUP, restore.RESTORE, drill.DRILL)
}


def planned(job: str, arguments: Sequence[str]) -> Plan:
    """Return the plan of a job as it was typed. Raises JobError for what it does not understand."""
    made = parser(job, JOBS[job].purpose)
    JOBS[job].arguments(made)
    options = read(made, arguments)
    return selected(JOBS[job].plan(options), only=options.only, skip=options.skip)


def understood(command: Sequence[str]) -> None:
    """Read a `synapse` command, down to its values. Raises TyperException for what it does not understand."""
    _parsed(get_command(app), command[0], command[1:])


def _parsed(command: object, name: str, words: Sequence[str]) -> None:
    assert isinstance(command, TyperGroup | TyperCommand)
    with command.make_context(name, list(words)) as context:
        if isinstance(command, TyperGroup):
            below, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            _parsed(found, str(below), rest)
