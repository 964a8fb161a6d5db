"""`synapse restore`: bring a restore point back."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.ops.cli.confirming import confirmed
from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.options import DryRun, Force, Json, Only, Point, Yes
from pipelines.ops.cli.wiring import context, stack_context
from pipelines.ops.cli.words import seconds, size
from pipelines.ops.repository import Standing
from pipelines.ops.restore.flow import RestoreReport
from pipelines.ops.restore.flow import restore as carry_out
from pipelines.ops.restore.plan import RestorePlan

_PLACES = {
    "running": "the running stack",
    "stopped": "the stopped stack (Redis does not answer)",
    "folder": "a folder",
}
Into = Annotated[
    Path | None, typer.Option("--into", help="Write plain files into this new folder; touch no server.")
]


def restore(
    point: Point = "latest",
    *,
    into: Into = None,
    only: Only = None,
    force: Force = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Restore a point into the running stack, an empty one, or a folder. Shows a plan first.

    What the running stack holds is kept as a safety point, unless --force leaves that out. If the result is
    not what the point holds, everything is rolled back.
    """
    with guarded(json=as_json) as output:
        work = stack_context(output) if into is None else context(output)
        plans: list[RestorePlan] = []

        def agreed(plan: RestorePlan) -> bool:
            plans.append(plan)
            output.errors.print(_plan_text(plan), highlight=False, markup=False)
            return not dry_run and (plan.kind == "folder" or yes or _asked())

        report = carry_out(
            work, point, into=into, only=only.value if only else None, force=force, agreed=agreed
        )
        _tell(output, plans[0], report, dry_run=dry_run)


def _asked() -> bool:
    return confirmed(
        "Restore this point?", to="the plan", remedy="Add --yes to restore, or --dry-run to look."
    )


def _plan_text(plan: RestorePlan) -> str:
    taken = f"{plan.point.started:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"Restore {plan.ref.short} of {taken}, {size(plan.ref.size)}, {plan.standing.value}",
        f"  into {_PLACES[plan.kind]}: {plan.target}",
    ]
    lines += [f"  {change.what}: {change.now}  ->  {change.then}" for change in plan.changes]
    if plan.standing is not Standing.PROVEN:
        lines.append(f"  Note: this point is {plan.standing.value}.")
    lines += [f"  Note: {warning}." for warning in plan.warnings]
    if plan.kind == "running":
        lines.append(
            "  A safety point of the present data is kept first."
            if plan.safety
            else "  NO safety point is kept (--force): the present data will be gone."
        )
    return "\n".join(lines)


def _tell(output: Output, plan: RestorePlan, report: RestoreReport | None, *, dry_run: bool) -> None:
    data: dict[str, object] = {
        "point": plan.ref.id,
        "target": plan.target,
        "kind": plan.kind,
        "standing": plan.standing.value,
        "changes": [{"what": one.what, "now": one.now, "then": one.then} for one in plan.changes],
        "warnings": list(plan.warnings),
        "dry_run": dry_run,
        "done": report is not None,
    }
    if report is None:
        output.result(data, "Nothing was changed.")
        return
    data |= {
        "safety": report.safety.id if report.safety else None,
        "replaced": str(report.replaced) if report.replaced else None,
        "steps": {timing.step: timing.seconds for timing in report.timings},
    }
    output.result(data, "\n".join(_done_lines(plan, report)))


def _done_lines(plan: RestorePlan, report: RestoreReport) -> list[str]:
    took = sum(timing.seconds for timing in report.timings)
    lines = [f"Restored {plan.ref.short} into {plan.target} in {seconds(took)}."]
    if report.safety:
        lines.append(
            f"What was there before is the safety point {report.safety.short}:"
            f" `synapse restore {report.safety.short}` brings it back."
        )
    if report.replaced:
        lines.append(
            f"The stopped server's old data is now in {report.replaced}; remove it when you are sure."
        )
    if plan.kind == "stopped":
        lines.append("Redis was not running: `synapse up` starts the stack on the restored data.")
    return lines
