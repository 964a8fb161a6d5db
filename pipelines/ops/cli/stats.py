"""`synapse stats`: how much a repository holds, and what of it each restore point alone needs."""

from dataclasses import asdict

from rich.table import Table

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json
from pipelines.ops.cli.wiring import stack_context
from pipelines.ops.cli.words import size
from pipelines.ops.repository.measuring import Stats


def stats(*, as_json: Json = False) -> None:
    """Show how much the repository holds: needed, shared, unneeded, and what each restore point brought."""
    with guarded(json=as_json) as output:
        work = stack_context(output)
        with work.watch.step("Look at every object", unit="objects") as advance:
            found = work.repository.stats(advance)
        output.show(_table(found))
        output.result(_data(found), "\n".join(_lines(found)))


def _table(found: Stats) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("point", "time (UTC)", "size", "new", "its own"):
        table.add_column(title, justify="left" if title in {"point", "time (UTC)"} else "right", no_wrap=True)
    for one in found.points:
        time = f"{one.ref.time:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.ref.short, time, size(one.ref.size), size(one.new), size(one.own))
    return table


def _lines(found: Stats) -> list[str]:
    lines = [
        f"Files of all points: {size(found.logical)}",
        f"Stored for them:     {size(found.needed.size)} in {found.needed.objects} objects",
        f"  shared by several: {size(found.shared.size)}",
        f"Not needed:          {size(found.unneeded.size)} in {found.unneeded.objects} objects",
        f"  condemned of them: {size(found.condemned.size)}",
    ]
    if found.unreadable:
        lines.append(
            f"Note: {found.unreadable} manifests cannot be read; what they need counts as not needed."
        )
    return lines


def _data(found: Stats) -> dict[str, object]:
    return {
        "logical": found.logical,
        "unreadable": found.unreadable,
        **{name: asdict(getattr(found, name)) for name in ("needed", "shared", "unneeded", "condemned")},
        "points": [
            {
                "id": one.ref.id,
                "time": one.ref.time.isoformat(),
                "size": one.ref.size,
                "new": one.new,
                "own": one.own,
            }
            for one in found.points
        ],
    }
