"""`synapse points`: list restore points, show one, say whether one is served, and the last ones are young."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.freshness import MaxAge, judge
from pipelines.ops.cli.here import memory_of, opened_here, settings_here
from pipelines.ops.cli.options import Json, Only, Point
from pipelines.ops.cli.words import age, counted_keys, seconds, size
from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.model import Proof, RestorePoint
from pipelines.ops.repository import FolderStore, PointRef, Repository, Standing

points = typer.Typer(help="List restore points, show one, or check their age.", no_args_is_help=True)
_COLOUR = {Standing.PROVEN: "green", Standing.UNPROVEN: "yellow", Standing.DAMAGED: "red"}


@points.command("list", epilog="Examples:  synapse points list  |  synapse points list --json")
def list_points(*, as_json: Json = False) -> None:
    """List every restore point, the newest first; what has no good proof is never shown as good."""
    with guarded(json=as_json) as output:
        repository = opened_here(output)
        refs = repository.points()
        if not refs:
            raise NothingError(
                f"There is no restore point in {repository.store.place}.", "Run `synapse backup`."
            )
        standings = {ref.id: _standing(repository, ref) for ref in refs}
        output.show(_table(refs, standings))
        if output.json:
            output.result({"points": [_row(ref, standings[ref.id]) for ref in refs]})


@points.command("show", epilog="Examples:  synapse points show latest  |  synapse points show 3f2a --json")
def show_point(point: Point = "latest", *, as_json: Json = False) -> None:
    """Show one restore point: what is in it, which servers can load it, and its proofs."""
    with guarded(json=as_json) as output:
        repository = opened_here(output)
        ref = repository.resolve(point)
        manifest = repository.load(ref)
        proofs = repository.proofs(ref.id)
        standing = repository.standing(ref.id)
        data = {
            **_row(ref, standing),
            "manifest": manifest.model_dump(mode="json"),
            "proofs": [proof.model_dump(mode="json") for proof in proofs],
        }
        output.result(data, "\n".join(_lines(ref, manifest, standing, proofs)))
        _show_files(output, manifest)


@points.command("where", epilog="Example:  synapse points where --json")
def where(*, as_json: Json = False) -> None:
    """Say where the restore points lie, without looking there; never how one logs in."""
    with guarded(json=as_json) as output:
        place = settings_here().repository
        if isinstance(place, Path):
            output.result({"folder": str(place.absolute())}, str(place.absolute()))
        else:
            output.result({"url": str(place), "endpoint": place.endpoint}, str(place))


@points.command("keep-proofs", epilog="Example:  synapse points keep-proofs 3f2a /tmp/copy --json")
def keep_proofs(
    point: Point,
    copy: Annotated[Path, typer.Argument(help="A folder with proofs/<point>/ of a copy of the repository.")],
    *,
    as_json: Json = False,
) -> None:
    """Keep the proofs of a point that were made in a copy of the repository, such as a container's."""
    with guarded(json=as_json) as output:
        repository = opened_here(output)
        ref = repository.resolve(point)
        found = repository.keep_proofs(FolderStore(copy), ref.id)
        output.result({"point": ref.id, "proofs": found}, f"The {found} proofs of {ref.short} are kept.")


@points.command("served", epilog="Example:  synapse points served 3f2a --at http://127.0.0.1:8080 --json")
def served(
    point: Point = "latest",
    *,
    at: Annotated[
        str | None, typer.Option("--at", metavar="URL", help="Where clients reach it, such as nginx.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask whether a restored point's documents are served: its collection, the epoch in use, their number."""
    from pipelines.ops.restore.served import check_served  # noqa: PLC0415  # no other one needs HTTP

    with guarded(json=as_json) as output:
        settings, repository = settings_here(), opened_here(output)
        ref = repository.resolve(point)
        url = at or settings.backend_url
        found = check_served(settings, repository.load(ref), url)
        data = {"point": ref.id, "at": url, "collection": found.model_dump() if found else None}
        output.result(data, f"{url} serves {found or 'no documents, and the point holds none'}.")


@points.command(
    "check", epilog="Examples:  synapse points check  |  synapse points check --max-age 8d --json"
)
def check_points(max_age: MaxAge = "26h", only: Only = None, *, as_json: Json = False) -> None:
    """Be an alarm: code 1 when a source has no proven backup of that age, 3 without a repository.

    Code 4 when this machine has seen a newer restore point than any that is there.
    """
    with guarded(json=as_json) as output:
        repository, now = opened_here(output), datetime.now(UTC)
        lost = memory_of(settings_here(), repository).look(now)
        judge(output, repository, max_age, only, now)
        if lost:
            raise DamagedError(lost, "Run `synapse points list` here and on a copy of the repository.")


def _standing(repository: Repository, ref: PointRef) -> Standing:
    return Standing.DAMAGED if ref.problem else repository.standing(ref.id)


def _row(ref: PointRef, standing: Standing) -> dict[str, object]:
    return {
        "id": ref.id,
        "time": ref.time.isoformat(),
        "label": ref.label,
        "host": ref.host,
        "sources": list(ref.sources),
        "files": ref.files,
        "size": ref.size,
        "seconds": ref.seconds,
        "standing": standing.value,
        "problem": ref.problem,
    }


def _table(refs: list[PointRef], standings: dict[str, Standing]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("point", "time (UTC)", "age", "kind", "sources", "size", "took", "proof"):
        table.add_column(
            title,
            justify="right" if title in {"size", "took"} else "left",
            no_wrap=title == "point",
            min_width=12 if title == "point" else None,
        )
    now = datetime.now(UTC)
    for ref in refs:
        standing = standings[ref.id]
        table.add_row(
            ref.short,
            f"{ref.time:%Y-%m-%d %H:%M:%S}",
            age(ref.time, now),
            ref.label or "?",
            " ".join(ref.sources) or "?",
            size(ref.size),
            seconds(ref.seconds),
            f"[{_COLOUR[standing]}]{standing.value}[/]",
        )
    return table


def _lines(ref: PointRef, point: RestorePoint, standing: Standing, proofs: list[Proof]) -> list[str]:
    lines = [
        f"Restore point {ref.id}",
        f"  taken     {point.started:%Y-%m-%d %H:%M:%S} UTC on {point.host}, {point.label}",
        f"  took      {seconds(ref.seconds)}",
        f"  size      {size(ref.size)} in {ref.files} files",
        f"  proof     {standing.value}",
    ]
    if point.redis is not None:
        redis = point.redis
        keys = counted_keys(point, proofs)
        lines.append(f"  redis     {redis.server} {redis.version} by {redis.way}, {keys}")
        lines.append(f"  loads in  {', '.join(redis.loadable_by) or 'unknown'}")
    lines += [
        f"  documents {facts.name}: {facts.documents} documents, {facts.passages} passages, {facts.model}"
        for facts in (point.faiss.collections if point.faiss else ())
    ]
    lines += [
        f"  index     {index.path}: {index.index_type}, {index.count} vectors of {index.dimension} numbers"
        for index in (point.faiss.indexes if point.faiss else ())
    ]
    for proof in proofs:
        result = "good" if proof.good else "BAD"
        lines.append(
            f"  checked   {proof.started:%Y-%m-%d %H:%M:%S} UTC, level {proof.level}: {result}"
            f" in {seconds(proof.seconds)}"
        )
        lines += [f"            {text}" for text in problems_of(proof)]
    return lines


def problems_of(proof: Proof) -> list[str]:
    """Return every problem that a proof names."""
    return [*proof.problems, *(text for source in proof.sources for text in source.problems)]


def _show_files(output: Output, point: RestorePoint) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("file", "size", "sha256"):
        table.add_column(title, justify="right" if title == "size" else "left")
    for source in (point.redis, point.faiss):
        for entry in source.files if source else ():
            table.add_row(entry.path, size(entry.size), entry.sha256[:16])
    output.show(table)
