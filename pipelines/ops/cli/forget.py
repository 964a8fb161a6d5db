"""`synapse forget`: say which restore points a policy keeps and why, and remove the others."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from pipelines.ops.cli.confirming import confirmed
from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.here import memory_of
from pipelines.ops.cli.options import DryRun, Json, Yes
from pipelines.ops.cli.wiring import stack_context
from pipelines.ops.errors import RefusedError, UsageError
from pipelines.ops.forget import Choice, carry_out, choose, choose_by_name
from pipelines.ops.retention import Policy
from pipelines.ops.timespans import timespan

Points = Annotated[
    list[str] | None, typer.Argument(metavar="[POINT]...", help="Points to forget, instead of a policy.")
]
Force = Annotated[bool, typer.Option("--force", help="Also the newest proven point, when it is named.")]
_COUNT = "Keep the newest point of each of the last N {} that have one."
Last = Annotated[int, typer.Option("--keep-last", min=0, help="Keep the last N points.")]
Hourly = Annotated[int, typer.Option("--keep-hourly", min=0, help=_COUNT.format("hours"))]
Daily = Annotated[int, typer.Option("--keep-daily", min=0, help=_COUNT.format("days"))]
Weekly = Annotated[int, typer.Option("--keep-weekly", min=0, help=_COUNT.format("weeks"))]
Monthly = Annotated[int, typer.Option("--keep-monthly", min=0, help=_COUNT.format("months"))]
Yearly = Annotated[int, typer.Option("--keep-yearly", min=0, help=_COUNT.format("years"))]
Within = Annotated[
    str | None, typer.Option("--keep-within", help="Keep all points of this time before the newest: 26h, 8d.")
]


def forget(
    points: Points = None,
    *,
    keep_last: Last = 0,
    keep_hourly: Hourly = 0,
    keep_daily: Daily = 0,
    keep_weekly: Weekly = 0,
    keep_monthly: Monthly = 0,
    keep_yearly: Yearly = 0,
    keep_within: Within = None,
    force: Force = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove the restore points that no rule keeps, or those that are named. Shows first which go and why.

    Days and weeks are those of UTC. The newest proven point is kept whatever the rules say; damaged points
    take no place. What is removed frees its space by `synapse prune`.
    """
    with guarded(json=as_json) as output:
        policy = Policy(
            last=keep_last,
            hourly=keep_hourly,
            daily=keep_daily,
            weekly=keep_weekly,
            monthly=keep_monthly,
            yearly=keep_yearly,
            within=timespan("--keep-within", keep_within) if keep_within else timedelta(),
        )
        _check(points or [], policy)
        work = stack_context(output)
        repository = work.repository
        now = datetime.now(UTC)

        def chosen() -> list[Choice]:
            if points:
                return choose_by_name(repository, points, now, force=force)
            return choose(repository, policy, now)

        choices = chosen()
        doomed = [one for one in choices if not one.kept]
        lines = [_listing(choices)]
        done = bool(doomed) and not dry_run
        if done and not yes:
            output.errors.print(lines.pop(), highlight=False, markup=False)
            done = _asked(len(doomed))
            if done and [one for one in chosen() if not one.kept] != doomed:
                raise RefusedError(
                    "The restore points changed while you were asked; none was forgotten.",
                    "Run the command again, and look at what it lists now.",
                )
        if done:
            memory_of(work.settings, repository).let_go({one.ref.id for one in doomed})
            carry_out(repository, choices, output.reporter)
        lines.append(_said(choices, done=done))
        output.result(_data(choices, policy, dry_run=dry_run, done=done), "\n".join(lines))


def _check(points: Sequence[str], policy: Policy) -> None:
    if points and not policy.empty:
        raise UsageError("Points and a policy are two ways to forget.", "Leave one out.")
    if not points and policy.empty:
        raise UsageError(
            "There is no rule for what to keep, so every restore point would go.",
            "Give one, such as --keep-daily 7 --keep-weekly 5, or name the points to forget.",
        )


def _asked(count: int) -> bool:
    return confirmed(
        f"Forget {count} restore points?", remedy="Add --yes to forget them, or --dry-run to look."
    )


def _listing(choices: Sequence[Choice]) -> str:
    return "\n".join(
        f"{'keep' if one.kept else 'forget':<7} {one.ref.short}  {one.ref.time:%Y-%m-%d %H:%M:%S}"
        f"  {one.ref.label or '?':<7} {' '.join(one.ref.sources) or '?':<12} {one.state.value:<10}"
        f"  {', '.join(one.reasons)}"
        for one in choices
    )


def _said(choices: Sequence[Choice], *, done: bool) -> str:
    going = sum(not one.kept for one in choices)
    if not going:
        return "Every restore point is kept by some rule."
    if done:
        return f"{going} restore points are forgotten. `synapse prune` frees what only they needed."
    return f"{going} restore points would be forgotten. Nothing was changed."


def _data(choices: Sequence[Choice], policy: Policy, *, dry_run: bool, done: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "done": done,
        "policy": {**asdict(policy), "within": policy.within.total_seconds()},
        "forgotten": sum(not one.kept for one in choices),
        "points": [
            {
                "id": one.ref.id,
                "time": one.ref.time.isoformat(),
                "host": one.ref.host,
                "label": one.ref.label,
                "sources": list(one.ref.sources),
                "standing": one.state.value,
                "kept": one.kept,
                "reasons": list(one.reasons),
            }
            for one in choices
        ],
    }
