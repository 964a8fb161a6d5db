"""`synapse copy`: copy restore points to another repository."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.here import opened_here, settings_here
from pipelines.ops.cli.options import DryRun, Json
from pipelines.ops.cli.passphrases import FINAL, asked_passphrase
from pipelines.ops.cli.words import size
from pipelines.ops.copying import Item, State, carry_out, plan_copy
from pipelines.ops.errors import DamagedError, NothingError, RefusedError
from pipelines.ops.opening import opened_copy
from pipelines.ops.repository import Figures, ObjectStore, Place, Repository, store_at
from pipelines.ops.settings import OpsSettings, other_place

UNPROVEN = (
    "A copy is unproven until it is verified itself: `synapse verify` with SYNAPSE_REPOSITORY set to {place}."
)
Destination = Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix; it is made if need be.")]
Points = Annotated[list[str] | None, typer.Argument(metavar="[POINT]...", help="Copy these alone.")]
Decrypt = Annotated[
    bool, typer.Option("--decrypt", help="Let the copy of an encrypted repository be a plain one.")
]


def copy(
    destination: Destination,
    points: Points = None,
    *,
    decrypt: Decrypt = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Copy the restore points that are not there yet, or those that are named, to another repository.

    With SYNAPSE_COPY_PASSPHRASE_FILE the other one is encrypted. Both may be used and pruned meanwhile.
    Interrupted at any moment: run it again, and it goes on where it was.
    """
    with guarded(json=as_json) as output:
        settings = settings_here()
        place = other_place("DESTINATION", destination, os.environ)
        refuse_same(settings.repository, place)
        source = opened_here(output)
        store = store_at(place, output.reporter.note)
        target = _target(store, settings)
        _refuse_clear(source, target, settings, allowed=decrypt)
        with output.reporter.step("Look at what is there", total=None):
            plan = plan_copy(source, target, points or [])
        items: Sequence[Item] = plan.items
        done = plan.pending and not dry_run
        if done:
            items = carry_out(source, target or _made(store, settings, output), plan, output.reporter)
        output.result(
            _data(items, store, dry_run=dry_run, done=done),
            "\n".join(_lines(items, store, destination, done=done)),
        )
        _fail_if_damaged(items)


def refuse_same(one: Place, other: Place) -> None:
    """Raise RefusedError when both are the same place, or a folder is inside of the other."""
    if isinstance(one, Path) and isinstance(other, Path):
        here, there = one.resolve(), other.resolve()
        same = here == there or here in there.parents or there in here.parents
    elif isinstance(one, Path) or isinstance(other, Path):
        same = False
    else:
        same = (one.bucket, one.prefix, one.endpoint) == (other.bucket, other.prefix, other.endpoint)
    if same:
        raise RefusedError(
            f"{other} is the repository itself, or lies inside of it, or around it.", "Name another place."
        )


def _target(store: ObjectStore, settings: OpsSettings) -> Repository | None:
    try:
        return opened_copy(store, settings, partial(asked_passphrase, "the copy"))
    except NothingError:
        return None


def _refuse_clear(
    source: Repository, target: Repository | None, settings: OpsSettings, *, allowed: bool
) -> None:
    """Nothing goes into the clear that was meant to be secret, but by a word."""
    clear = target.config.encryption is None if target else settings.copy_passphrase is None
    if source.config.encryption and clear and not allowed:
        raise RefusedError(
            "The repository is encrypted, and the copy would be in the clear.",
            "Set SYNAPSE_COPY_PASSPHRASE_FILE and name a new place, which it encrypts; or add --decrypt.",
        )


def _made(store: ObjectStore, settings: OpsSettings, output: Output) -> Repository:
    made = Repository.open_or_create(store, settings.copy_passphrase)
    if made.config.encryption:
        output.reporter.note(f"{store.place} is now an encrypted repository. {FINAL}")
    return made


def _lines(items: Sequence[Item], store: ObjectStore, place: str, *, done: bool) -> list[str]:
    lines = [
        f"{item.state.value:<8} {item.ref.short}  {item.ref.time:%Y-%m-%d %H:%M:%S}"
        f"  {item.ref.label or '?':<7} {' '.join(item.ref.sources) or '?':<12} {size(item.ref.size)}"
        + (f"  {item.problem}" if item.problem else "")
        for item in items
    ]
    present = sum(item.state is State.PRESENT for item in items)
    waiting = [item for item in items if item.state is State.TO_COPY]
    if done:
        copied = sum(item.state is State.COPIED for item in items)
        lines.append(
            f"{copied} restore points were copied to {store.place}, {size(_total(items).bytes_new)} new;"
            f" {present} were there already."
        )
        lines.append(UNPROVEN.format(place=place))
    elif waiting:
        lines.append(
            f"{len(waiting)} restore points of {size(sum(item.ref.size for item in waiting))} would be copied"
            f" to {store.place}. Nothing was changed."
        )
    else:
        lines.append(f"Nothing is to be copied: {present} restore points are in {store.place} already.")
    return lines


def _data(items: Sequence[Item], store: ObjectStore, *, dry_run: bool, done: bool) -> dict[str, object]:
    total = _total(items)
    return {
        "destination": store.place,
        "dry_run": dry_run,
        "done": done,
        "copied": sum(item.state is State.COPIED for item in items),
        "bytes_new": total.bytes_new,
        "objects_new": total.objects_new,
        "objects_reused": total.objects_reused,
        "points": [
            {
                "id": item.ref.id,
                "time": item.ref.time.isoformat(),
                "label": item.ref.label,
                "sources": list(item.ref.sources),
                "size": item.ref.size,
                "state": item.state.value,
                "copy": item.copy,
                "problem": item.problem,
            }
            for item in items
        ],
    }


def _total(items: Sequence[Item]) -> Figures:
    total = Figures()
    for item in items:
        total += item.figures
    return total


def _fail_if_damaged(items: Sequence[Item]) -> None:
    bad = [item for item in items if item.state is State.DAMAGED]
    if bad:
        raise DamagedError(
            f"{len(bad)} of {len(items)} restore points cannot be copied whole: {bad[0].problem}",
            "Nothing else was left out. `synapse repair --dry-run` names what is lost.",
        )
