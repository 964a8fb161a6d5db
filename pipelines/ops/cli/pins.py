"""`synapse pins`: compare images that others build with the pin file, and bring their digests up to date."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.ops.cli.console import guarded
from pipelines.ops.cli.options import Json
from pipelines.ops.errors import OpsError
from pipelines.ops.pins.linting import Breach, breaches, texts, unknown_digests
from pipelines.ops.pins.model import Pin, read_pins
from pipelines.ops.pins.references import references
from pipelines.ops.pins.registry import digest_of
from pipelines.ops.pins.updating import Rewrite, difference, looked_up, rewrites, write

pins = typer.Typer(help="Pin the images that others build, by tag and digest.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option("--folder", help="The project's folder.", file_okay=False)]
Strict = Annotated[
    bool, typer.Option("--strict", help="An unknown digest is an error too, as for a release.")
]
OnlyPin = Annotated[str | None, typer.Option("--only", metavar="NAME", help="Look up this one alone.")]
Check = Annotated[bool, typer.Option("--check", help="Change nothing; code 1 when there is something newer.")]


@pins.command("lint", epilog="Examples:  synapse pins lint  |  synapse pins lint --strict --json")
def lint(*, strict: Strict = False, folder: Folder = Path(), as_json: Json = False) -> None:
    """Compare images in Dockerfiles, compose files, pipelines and .env.example with deploy/pins.toml."""
    with guarded(json=as_json) as output:
        pinned = read_pins(folder)
        found = references(folder)
        wrong = breaches(pinned, found, texts(folder, pinned, found))
        unknown = unknown_digests(pinned)
        good = not wrong and not (strict and unknown)
        data = {
            "good": good,
            "references": len(found),
            "breaches": [{"where": one.where, "what": one.what} for one in wrong],
            "unknown_digests": unknown,
        }
        output.result(
            data, "\n".join([*(f"{one.where}: {one.what}" for one in wrong), _counted(found, pinned)])
        )
        if unknown:
            output.reporter.note(f"The digest is not known of: {', '.join(unknown)}.")
        if not good:
            raise _disagreement(wrong, unknown)


@pins.command("update", epilog="Examples:  synapse pins update --check  |  synapse pins update --only redis")
def update(
    *, only: OnlyPin = None, check: Check = False, folder: Folder = Path(), as_json: Json = False
) -> None:
    """Ask the registries for the digests of the pinned tags, and write them wherever the images are named."""
    with guarded(json=as_json) as output:
        before = read_pins(folder)
        with output.reporter.step("Ask the registries"):
            after = looked_up(before, digest_of, only)
        changes = rewrites(folder, after, references(folder))
        if not check:
            write(folder, changes)
        shown = difference(changes)
        output.result(
            {"changed": bool(changes), "pins": _rows(before, after), "files": _files(changes), "diff": shown},
            shown or "Every digest is the one that its registry has now.",
        )
        if check and changes:
            raise OpsError(
                f"{len(changes)} files name other images than the registries have now.",
                "Run `synapse pins update`.",
            )


def _counted(found: Sequence[object], pinned: Mapping[str, Pin]) -> str:
    return f"{len(found)} references to {len(pinned)} pinned images"


def _rows(before: Mapping[str, Pin], after: Mapping[str, Pin]) -> list[dict[str, str]]:
    return [
        {"name": name, "tag": pin.tag, "before": before[name].digest, "after": pin.digest}
        for name, pin in after.items()
    ]


def _files(changes: Sequence[Rewrite]) -> list[str]:
    return [change.file for change in changes]


def _disagreement(wrong: Sequence[Breach], unknown: Sequence[str]) -> OpsError:
    if wrong:
        first = "; ".join(f"{one.where}: {one.what}" for one in wrong[:3])
        return OpsError(
            f"{len(wrong)} places do not agree with the pin file: {first}.",
            "Correct the pin file or the place; `synapse pins update` writes what the pin file says.",
        )
    return OpsError(
        f"The digest is not known of: {', '.join(unknown)}.",
        "Run `synapse pins update` where the registries can be reached, and commit what it writes.",
    )
