"""`synapse diff`: which files differ between two restore points."""

from dataclasses import asdict

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json, Point
from pipelines.ops.cli.wiring import stack_context
from pipelines.ops.cli.words import size
from pipelines.ops.repository.differing import Difference, differences

_SIGNS = {"added": "+", "removed": "-", "changed": "M"}


def diff(before: Point, after: Point = "latest", *, as_json: Json = False) -> None:
    """Show which files were added, removed or changed from one restore point to another."""
    with guarded(json=as_json) as output:
        repository = stack_context(output).repository
        one, other = repository.resolve(before), repository.resolve(after)
        found = differences(repository.load(one), repository.load(other))
        counts = {change: sum(each.change == change for each in found) for change in _SIGNS}
        data = {"before": one.id, "after": other.id, **counts, "files": [asdict(each) for each in found]}
        total = ", ".join(f"{count} {change}" for change, count in counts.items())
        lines = [*map(_line, found), f"From {one.short} to {other.short}: {total}."]
        output.result(data, "\n".join(lines))


def _line(one: Difference) -> str:
    sizes = " -> ".join(size(each) for each in (one.before, one.after) if each is not None)
    return f"{_SIGNS[one.change]} {one.name}  {sizes}"
