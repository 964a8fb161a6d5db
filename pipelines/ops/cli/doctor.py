"""`synapse doctor`: the checklist of what works and what does not, each line with its reason."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from platform import node
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.here import settings_here
from pipelines.ops.cli.options import Json
from pipelines.ops.containers.compose import check_folder
from pipelines.ops.containers.docker import SCHEDULER_HOST, Asked
from pipelines.ops.doctor.check import Check, Finding, State, Subject
from pipelines.ops.doctor.examination import LIMIT_S, examine, worst
from pipelines.ops.doctor.published import backend_address
from pipelines.ops.doctor.standard import COMPOSE, STANDARD
from pipelines.ops.errors import ExitCode, OpsError
from pipelines.ops.schedule.settings import timetables
from pipelines.ops.settings import OpsSettings, given_settings

_COLOUR = {State.GREEN: "green", State.AMBER: "yellow", State.RED: "bold red", State.SKIPPED: "dim"}


def doctor(
    *,
    limit: Annotated[float, typer.Option(min=0.1, help="Seconds that the checks may take.")] = LIMIT_S,
    as_json: Json = False,
) -> None:
    """Check everything that Synapse needs; exit code 1 when anything is red."""
    with guarded(json=as_json) as output:
        subject, checks = _place(settings_here())
        with output.reporter.step("Examine"):
            findings = examine(checks, subject, limit=limit)
        state = worst(findings)
        output.show(_table(findings))
        if output.json:
            output.result({"state": state.value, "findings": [asdict(finding) for finding in findings]})
        if state is State.RED:
            raise typer.Exit(ExitCode.FAILED)


def _place(settings: OpsSettings) -> tuple[Subject, Sequence[Check]]:
    """Return what is examined and by which list: the stack in containers is reached by what it publishes."""
    given = given_settings(os.environ)
    if settings.stack != "compose":
        return Subject(settings, jobs=partial(timetables, given, node())), STANDARD
    check_folder(settings.compose_files)
    asked = Asked()
    with suppress(OpsError):
        settings = replace(settings, backend=settings.backend or backend_address(asked()))
    return Subject(settings, containers=asked, jobs=partial(timetables, given, SCHEDULER_HOST)), COMPOSE


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("state", "what", "reason"):
        table.add_column(title, no_wrap=title != "reason")
    for finding in findings:
        reason = escape(finding.reason)
        if finding.remedy:
            reason += f"\n[dim]→ {escape(finding.remedy)}[/]"
        colour = _COLOUR[finding.state]
        table.add_row(f"[{colour}]{finding.state.value}[/]", escape(finding.name), reason)
    return table
