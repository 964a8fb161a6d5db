"""`synapse verify`: check restore points and keep the proof."""

from typing import Annotated

import typer

from pipelines.ops.cli.console import Output, guarded
from pipelines.ops.cli.options import Json, Point
from pipelines.ops.cli.points import problems_of
from pipelines.ops.cli.wiring import stack_context
from pipelines.ops.cli.words import seconds
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.model import Proof
from pipelines.ops.proof.proving import Level, prove
from pipelines.ops.repository import PointRef

LEVELS: dict[int, Level] = {1: 1, 2: 2, 3: 3}
_MEANING = {1: "every object is there", 2: "every byte is right", 3: "booted and queried"}


def verify(
    point: Point = "latest",
    *,
    level: Annotated[
        int, typer.Option(min=1, max=3, help="1 objects present, 2 every byte hashed, 3 booted and queried.")
    ] = 3,
    every: Annotated[bool, typer.Option("--all", help="Check every restore point.")] = False,
    as_json: Json = False,
) -> None:
    """Check a restore point at one of three levels; the result is kept as its proof."""
    with guarded(json=as_json) as output:
        work = stack_context(output)
        refs = _chosen(work, point, every=every)
        right: set[bytes] = set()
        proofs = [(ref, prove(work, ref, LEVELS[level], right)) for ref in refs]
        output.result(
            {"proofs": [proof.model_dump(mode="json") for _, proof in proofs]},
            "\n".join(_line(ref, proof) for ref, proof in proofs),
        )
        _fail_if_bad(output, proofs)


def _chosen(work: Context, point: str, *, every: bool) -> list[PointRef]:
    refs = work.repository.points() if every else [work.repository.resolve(point)]
    if not refs:
        raise NothingError("There is no restore point to verify.", "Run `synapse backup`.")
    return refs


def _line(ref: PointRef, proof: Proof) -> str:
    if not proof.good:
        return f"{ref.short}: DAMAGED"
    return f"{ref.short}: good, {_MEANING[proof.level]} in {seconds(proof.seconds)}"


def _fail_if_bad(output: Output, proofs: list[tuple[PointRef, Proof]]) -> None:
    bad = [(ref, proof) for ref, proof in proofs if not proof.good]
    for ref, proof in bad:
        for text in problems_of(proof):
            output.errors.print(f"  {ref.short}: {text}", markup=False, highlight=False)
    if bad:
        named = ", ".join(ref.short for ref, _ in bad)
        raise DamagedError(
            f"{len(bad)} of {len(proofs)} restore points are damaged: {named}.",
            "Run `synapse repair` and take a new backup now; restore an older point if you need one.",
        )
