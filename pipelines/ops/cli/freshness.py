"""`synapse points check`: how an alarm about old, missing or unproven backups is asked for and shown."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from pipelines.ops.cli.console import Output
from pipelines.ops.cli.options import Source
from pipelines.ops.doctor.quantities import span
from pipelines.ops.errors import OpsError
from pipelines.ops.freshness import Backup, Freshness, State, freshness
from pipelines.ops.repository import Repository, Standing
from pipelines.ops.repository.resolving import AHEAD
from pipelines.ops.timespans import timespan

MaxAge = Annotated[
    str, typer.Option("--max-age", help="How old the newest proven backup may be: 90min, 26h, 8d.")
]


def judge(output: Output, repository: Repository, max_age: str, only: Source | None, now: datetime) -> None:
    """Show each source's last good backup. Raises OpsError when one is missing, old or to come."""
    limit = timespan("--max-age", max_age)
    sources = [only.value] if only else [source.value for source in Source]
    judged = freshness(_backups(repository), sources, now, limit=limit, ahead=AHEAD)
    alarms = [one for one in judged if one.state is not State.FRESH]
    data = {
        "good": not alarms,
        "now": now.isoformat(),
        "max_age_seconds": limit.total_seconds(),
        "sources": [_row(one) for one in judged],
    }
    output.result(data, "\n".join(_said(one) for one in judged))
    if alarms:
        raise _alarm(alarms, repository.store.place, max_age)


def _backups(repository: Repository) -> Iterator[Backup]:
    # Imports and safety points hold old data under a new date.
    for ref in repository.points():
        if ref.label == "backup" and not ref.problem:
            proven = repository.standing(ref.id) is Standing.PROVEN
            yield Backup(ref.id, ref.time, ref.sources, proven)


def _row(one: Freshness) -> dict[str, object]:
    return {
        "source": one.source,
        "state": one.state.value,
        "point": one.newest.id if one.newest else None,
        "time": one.newest.time.isoformat() if one.newest else None,
        "age_seconds": one.age.total_seconds() if one.age is not None else None,
        "unproven_since": one.unproven,
    }


def _said(one: Freshness) -> str:
    newer = f"; {one.unproven} newer without a good proof" if one.unproven else ""
    if one.newest is None or one.age is None:
        newer = f"; {one.unproven} without a good proof" if one.unproven else ""
        return f"{one.source}: no proven backup{newer}"
    point = f"restore point {one.newest.id[:12]}"
    if one.state is State.AHEAD:
        return (
            f"{one.source}: {point} was taken at {one.newest.time.isoformat()}, which is still to come{newer}"
        )
    return f"{one.source}: {one.state.value}, {point} is {span(max(one.age, timedelta()))} old{newer}"


def _alarm(alarms: Sequence[Freshness], place: str, max_age: str) -> OpsError:
    what = "; ".join(_said(one) for one in alarms)
    if any(one.state is State.AHEAD for one in alarms):
        hint = "A clock was or is wrong: set this machine's and the stack's, and run `synapse backup`."
    elif any(one.unproven for one in alarms):
        hint = "Run `synapse verify latest`, and `synapse backup` if it fails."
    else:
        hint = "Run `synapse backup`, and see why its schedule did not."
    return OpsError(f"In {place} no proven backup is younger than {max_age}: {what}.", hint)
