"""Copy restore points to another repository: those that are not there yet, the newest first."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.reporting import Advance, Reporter
from pipelines.ops.repository import Figures, PointRef, Repository
from pipelines.ops.repository.copying import Present, copy_point, essence
from pipelines.ops.repository.points import objects_of

NOTHING = Figures()


class State(StrEnum):
    """What is or becomes of a restore point in a copy."""

    TO_COPY = "to copy"
    COPIED = "copied"
    PRESENT = "present"
    DAMAGED = "damaged"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Item:
    """A point of the source; `copy` is its id in the other repository, `problem` why it is not there."""

    ref: PointRef
    state: State
    copy: str | None = None
    problem: str | None = None
    figures: Figures = NOTHING


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What is to be done, newest first, and which objects the target has."""

    items: tuple[Item, ...]
    present: Present | None

    @property
    def pending(self) -> bool:
        """Tell whether there is anything to copy."""
        return any(item.state is State.TO_COPY for item in self.items)


def plan_copy(source: Repository, target: Repository | None, names: Sequence[str]) -> CopyPlan:
    """Say what becomes of each named point, or of every one; without a target all are to be copied.

    A point is there when one says the same of everything but its objects, and they are there: a copy that
    lost some is made whole again. Raises NothingError when there is no point.
    """
    refs = list({ref.key: ref for ref in map(source.resolve, names)}.values()) if names else source.points()
    if not refs:
        raise NothingError(f"There is no restore point in {source.store.place}.", "Run `synapse backup`.")
    copies: dict[datetime, list[PointRef]] = defaultdict(list)
    for ref in target.points() if target else ():
        if not ref.problem:
            copies[ref.time].append(ref)
    present = Present(target.store) if target else None
    return CopyPlan(tuple(_judged(source, target, ref, copies[ref.time], present) for ref in refs), present)


def carry_out(source: Repository, target: Repository, plan: CopyPlan, reporter: Reporter) -> list[Item]:
    """Copy what is to be copied; one that is damaged keeps no other from it. Interrupted, run it again."""
    present = plan.present or Present(target.store)
    total = sum(item.ref.size for item in plan.items if item.state is State.TO_COPY)
    with reporter.step("Copy restore points", total=total) as advance:
        return [
            _copied(source, target, item, present, advance) if item.state is State.TO_COPY else item
            for item in plan.items
        ]


def _judged(
    source: Repository,
    target: Repository | None,
    ref: PointRef,
    copies: Sequence[PointRef],
    present: Present | None,
) -> Item:
    if ref.problem:
        return Item(ref, State.DAMAGED, problem=ref.problem)
    if target is None or present is None or not copies:
        return Item(ref, State.TO_COPY)
    try:
        said = essence(source.load(ref))
    except NothingError:
        return Item(ref, State.GONE)
    for one in copies:
        with suppress(NothingError):  # forgotten meanwhile
            point = target.load(one)
            if essence(point) == said and all(identity in present for identity in objects_of(point)):
                return Item(ref, State.PRESENT, copy=one.id)
    return Item(ref, State.TO_COPY)


def _copied(source: Repository, target: Repository, item: Item, present: Present, advance: Advance) -> Item:
    read = 0

    def progress(count: int) -> None:
        nonlocal read
        read += count
        advance(count)

    try:
        made = copy_point(source, target, source.load(item.ref), present, progress)
    except NothingError:
        return replace(item, state=State.GONE)
    except DamagedError as error:
        if not any(ref.key == item.ref.key for ref in source.points()):
            return replace(item, state=State.GONE)  # forgotten meanwhile, and a prune took its objects
        return replace(item, state=State.DAMAGED, problem=error.what)
    finally:
        advance(max(0, item.ref.size - read))
    return replace(item, state=State.COPIED, copy=made.ref.id, figures=made.figures)
