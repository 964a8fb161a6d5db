"""`synapse repair`: say what is lost, keep the rest, and make room for it to come anew."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from pipelines.ops.cli.confirming import confirmed
from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.copy import refuse_same
from pipelines.ops.cli.here import memory_of, opened_here, settings_here
from pipelines.ops.cli.options import DryRun, Json, Yes
from pipelines.ops.cli.passphrases import asked_passphrase
from pipelines.ops.errors import DamagedError
from pipelines.ops.opening import opened_copy
from pipelines.ops.repairing import Broken, Done, Findings, Kind, carry_out, find
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.settings import OpsSettings, other_place

Quick = Annotated[bool, typer.Option("--quick", help="Look whether objects are there, and read none.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="OTHER", help="Take what is lost from this copy: a folder, or s3://…"),
]
ForgetBroken = Annotated[
    bool, typer.Option("--forget-broken", help="Forget the points that cannot be restored whole.")
]
_SHOWN = 10


def repair(
    *,
    quick: Quick = False,
    copy_at: From = None,
    forget_broken: ForgetBroken = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Read every object, and say which are lost and which restore points need them.

    What a copy has is taken from there. A damaged object is deleted, so that the next backup writes it anew.
    Nothing that is whole is removed. Interrupted at any moment: run it again.
    """
    with guarded(json=as_json) as output:
        settings = settings_here()
        repository = opened_here(output)
        other = _copy(copy_at, settings, output) if copy_at else None
        findings = find(repository, other=other, quick=quick, reporter=output.reporter)
        lines = _listing(findings)
        removes = len(findings.removable)
        forgets = len(findings.broken) + len(findings.hopeless) if forget_broken else 0
        act = not dry_run and bool(removes or forgets or findings.taken or findings.broken)
        if act and (removes or forgets) and not yes:
            output.errors.print("\n".join(lines), highlight=False, markup=False)
            lines = []
            act = _asked(removes, forgets)
        done = Done()
        if act:
            if forget_broken:
                doomed = {
                    *(one.ref.id for one in findings.broken),
                    *(one.ref.id for one in findings.hopeless),
                }
                memory_of(settings, repository).let_go(doomed)
            done = carry_out(
                repository, findings, other=other, forget=forget_broken, quick=quick, reporter=output.reporter
            )
        lines.append(_said(findings, done, act=act))
        output.result(_data(findings, done, quick=quick, dry_run=dry_run, act=act), "\n".join(lines))
        _fail_if_lost(findings, done)


def _copy(value: str, settings: OpsSettings, output: Output) -> Repository:
    place = other_place("--from", value, os.environ)
    refuse_same(settings.repository, place)
    return opened_copy(store_at(place, output.reporter.note), settings, partial(asked_passphrase, "the copy"))


def _asked(removes: int, forgets: int) -> bool:
    forget = f" and forget {forgets} restore points" if forgets else ""
    return confirmed(
        f"Delete {removes} damaged objects{forget}?", remedy="Add --yes to do it, or --dry-run to look."
    )


def _listing(findings: Findings) -> list[str]:
    lines = [
        f"lost      object {one.identity[:12]} {one.why}"
        + ("; the copy has it" if one.identity in findings.found else "")
        + ("" if one.needed else "; no restore point needs it")
        for one in findings.losses
    ]
    lines += [
        f"{one.kind.value:<9} {one.ref.key}: {one.ref.problem}" + ("; the copy has it" if one.point else "")
        for one in findings.manifests
    ]
    for broken in findings.broken:
        more = len(broken.files) - _SHOWN
        lines.append(
            f"broken    {broken.ref.short}  {broken.ref.time:%Y-%m-%d %H:%M:%S}"
            f"  {', '.join(broken.files[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
        )
    lines += [
        f"mended    {ref.short}  {ref.time:%Y-%m-%d %H:%M:%S}  by what the copy has"
        for ref in findings.mended
    ]
    return lines + [f"stray     {key}: no name of the format; it is left alone" for key in findings.strays]


def _said(findings: Findings, done: Done, *, act: bool) -> str:
    looked = f"{findings.objects} objects were looked at; {len(findings.losses)} are lost."
    if findings.whole:
        return f"{looked} Every restore point is whole as far as that tells."
    if not act:
        return f"{looked} Nothing was changed."
    said = (
        f"{looked} {len(done.taken)} objects and manifests were taken from the copy,"
        f" {len(done.removed)} objects deleted, {len(done.forgotten)} restore points forgotten."
    )
    if done.removed:
        said += " `synapse backup` writes what it needs of them anew."
    if findings.mended:
        said += " `synapse verify --all` proves the mended points."
    return said


def _data(findings: Findings, done: Done, *, quick: bool, dry_run: bool, act: bool) -> dict[str, object]:
    return {
        "quick": quick,
        "dry_run": dry_run,
        "done": act,
        "objects": findings.objects,
        "lost": [
            {
                "id": one.identity,
                "why": one.why,
                "needed": one.needed,
                "in_copy": one.identity in findings.found,
                "taken": one.identity in done.taken,
                "removed": one.identity in done.removed,
            }
            for one in findings.losses
        ],
        "manifests": [
            {
                "key": one.ref.key,
                "kind": one.kind.value,
                "problem": one.ref.problem,
                "in_copy": one.point is not None,
                "taken": one.ref.key in done.taken,
                "forgotten": one.ref.key in done.forgotten,
            }
            for one in findings.manifests
        ],
        "broken": [
            {
                "id": one.ref.id,
                "time": one.ref.time.isoformat(),
                "objects": list(one.objects),
                "files": list(one.files),
                "forgotten": one.ref.key in done.forgotten,
            }
            for one in findings.broken
        ],
        "mended": [ref.id for ref in findings.mended],
        "strays": list(findings.strays),
    }


def _fail_if_lost(findings: Findings, done: Done) -> None:
    """Raise DamagedError when a point or a manifest is not whole after all."""
    left = [
        *(f"object {one.identity[:12]} is in the store's archive" for one in findings.losses if one.archived),
        *(f"{one.ref.short} has lost {one.files[0]}" for one in _left(findings, done)),
        *(
            str(one.ref.problem)
            for one in findings.manifests
            if one.kind is not Kind.NEWER and one.ref.key not in done.taken | done.forgotten
        ),
        *(
            f"{ref.short} is whole only with what the copy has"
            for ref in findings.mended
            if not findings.found <= done.taken
        ),
    ]
    if left:
        raise DamagedError(
            f"{len(left)} restore points cannot be restored whole: {left[0].rstrip('.')}.",
            "Name a copy with --from, or give them up with --forget-broken; then take a new backup.",
        )


def _left(findings: Findings, done: Done) -> Sequence[Broken]:
    return [one for one in findings.broken if one.ref.key not in done.forgotten]
