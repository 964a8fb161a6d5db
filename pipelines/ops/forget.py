"""Forget restore points, by a policy or by name; what they alone need is deleted by a later prune."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.ops.containers.docker import SCHEDULER_HOST
from pipelines.ops.errors import NothingError, RefusedError
from pipelines.ops.reporting import Reporter
from pipelines.ops.repository import PointRef, Repository, Standing
from pipelines.ops.repository.resolving import AHEAD
from pipelines.ops.retention import NEWEST_PROVEN, Candidate, Policy, State, retention

NO_RULE = "no rule keeps it"
DAMAGED = "damaged, and a newer one is proven"
BY_NAME = "named"
_CONTAINER = re.compile(rf"[0-9a-f]{{12}}|{SCHEDULER_HOST}")
"""A container's name for itself is a new one in each run: what `ops` takes would be of as many machines.

What the service `scheduler` takes is of the same machine.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A restore point, what is known of it, whether it is kept, and why or why not."""

    ref: PointRef
    state: State
    kept: bool
    reasons: tuple[str, ...]


def choose(repository: Repository, policy: Policy, now: datetime) -> list[Choice]:
    """Say what a policy keeps and removes, newest first. Raises NothingError when there is no point.

    It chooses among points of the same sources, the same kind (backup, safety, import) and one machine.
    """
    # By key, for a damaged copy may have the id of a whole one.
    refs = {ref.key: ref for ref in repository.points()}
    if not refs:
        raise NothingError(f"There is no restore point in {repository.store.place}.", "Run `synapse backup`.")
    candidates = [Candidate(ref.key, ref.time, _group(ref), _state(repository, ref)) for ref in refs.values()]
    return [
        Choice(
            refs[one.point.id],
            one.point.state,
            one.kept,
            one.reasons or (DAMAGED if one.point.state is State.DAMAGED else NO_RULE,),
        )
        for one in retention(candidates, policy, now, ahead=AHEAD)
    ]


def choose_by_name(
    repository: Repository, names: Sequence[str], now: datetime, *, force: bool
) -> list[Choice]:
    """Name the points to remove. RefusedError for the newest proven one of its kind, without `force`."""
    meant = {ref.id: ref for ref in (repository.resolve(name) for name in names)}
    if not force:
        good = {one.ref.id for one in choose(repository, Policy(last=1), now) if NEWEST_PROVEN in one.reasons}
        for ref in meant.values():
            if ref.id in good:
                raise RefusedError(
                    f"{ref.short} is the newest proven restore point of its kind.",
                    "Prove a newer one with `synapse verify`, or add --force.",
                )
    return [Choice(ref, _state(repository, ref), kept=False, reasons=(BY_NAME,)) for ref in meant.values()]


def carry_out(repository: Repository, choices: Sequence[Choice], reporter: Reporter) -> None:
    """Remove what is not kept, the oldest first; interrupted, the rest stays, and it can be run again."""
    doomed = [one.ref for one in choices if not one.kept]
    with reporter.step("Forget restore points", total=len(doomed), unit="points") as advance:
        for ref in reversed(doomed):
            repository.forget(ref)
            advance(1)


def _group(ref: PointRef) -> tuple[str, ...]:
    host = "a container" if _CONTAINER.fullmatch(ref.host) else ref.host
    return host, ref.label or "", *ref.sources


def _state(repository: Repository, ref: PointRef) -> State:
    if ref.problem:
        return State.UNREADABLE
    match repository.standing(ref.id):
        case Standing.PROVEN:
            return State.PROVEN
        case Standing.DAMAGED:
            return State.DAMAGED
        case Standing.UNPROVEN:
            return State.UNPROVEN
