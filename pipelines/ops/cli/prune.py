"""`synapse prune`: delete what no restore point needs any more, in two passes."""

from dataclasses import asdict
from datetime import timedelta

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import DryRun, Json
from pipelines.ops.cli.wiring import stack_context
from pipelines.ops.cli.words import size
from pipelines.ops.doctor.quantities import span
from pipelines.ops.repository import PruneReport
from pipelines.ops.repository.tally import Tally


def prune(*, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Delete objects that no restore point needs: list them now, and delete what was listed 12 hours ago.

    Backups and other prunes may run meanwhile. Interrupted at any moment: run it again.
    """
    with guarded(json=as_json) as output:
        work = stack_context(output)
        with work.watch.step("Look at every object", unit="objects") as advance:
            report = work.repository.prune(dry=dry_run, progress=advance)
        data = {name: value for name, value in asdict(report).items() if name != "dry"}
        output.result({"dry_run": dry_run, **data}, "\n".join(_lines(report)))


def _lines(report: PruneReport) -> list[str]:
    would = " would be" if report.dry else ""
    lines = [
        f"Needed:    {_count(report.needed)}",
        f"Deleted:   {_count(report.deleted)}{would and ' would be deleted'}",
        f"Condemned: {_count(report.condemned)}{would and ' would be listed'}",
        f"Waiting:   {_count(report.waiting)}, listed before",
        f"Too young: {_count(report.fresh)}, not needed so far",
    ]
    if report.locked.objects:
        lines.append(
            f"Locked:    {_count(report.locked)}, which the store lets nobody delete yet; listed again."
        )
    if report.hidden:
        lines.append(
            "Note: the bucket keeps versions, so the deleted bytes are hidden, not free: that takes a"
            " lifecycle rule for noncurrent versions."
        )
    if report.proofs:
        lines.append(f"Proofs of forgotten points: {report.proofs}{would} removed.")
    if report.ripe_in is not None:
        wait = span(timedelta(seconds=max(0.0, report.ripe_in)))
        lines.append(f"Run it again in {wait}: then what is listed may be deleted.")
    return lines


def _count(tally: Tally) -> str:
    return f"{tally.objects} objects, {size(tally.size)}"
