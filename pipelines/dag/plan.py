"""What a job consists of, without an engine: its steps, their order, and what they read and change."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from pipelines.dag.errors import JobError


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a job does.

    `needs` are the steps that must have passed before it begins. `inputs` and `effects` are words for
    people: what it reads, and what it changes beyond the engine's own cache. `commands` are the `synapse`
    argument lists that it runs, with `{name}` where a step before it puts a value. `limit_s` is how long it
    may take in seconds. A `gate` is a step without which nothing may be published.
    """

    name: str
    does: str
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    limit_s: int = 600
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a job, each after those it needs; `skipped` says of each step left out why."""

    job: str
    steps: tuple[Step, ...]
    skipped: Mapping[str, str]

    @property
    def to_run(self) -> tuple[Step, ...]:
        """The steps that are not left out, in order."""
        return tuple(step for step in self.steps if step.name not in self.skipped)


def planned(job: str, steps: Iterable[Step]) -> Plan:
    """Return the plan of these steps. Raises JobError for a name given twice or needed too early."""
    known: set[str] = set()
    laid = tuple(steps)
    for step in laid:
        unknown = [name for name in step.needs if name not in known]
        if unknown or step.name in known:
            raise JobError(
                f"The step {step.name!r} of {job} cannot be placed: {', '.join(unknown) or 'name taken'}.",
                "List each step once, after every step that it needs.",
            )
        known.add(step.name)
    return Plan(job, laid, {})


def selected(plan: Plan, *, only: Collection[str] = (), skip: Collection[str] = ()) -> Plan:
    """Return the plan with the named steps alone (and what they need), or without the named ones.

    A step that needs one that is left out is left out too; its reason says so. Raises JobError for a name
    that is no step, and when nothing would be left.
    """
    names = [step.name for step in plan.steps]
    for name in (*only, *skip):
        if name not in names:
            raise JobError(f"{plan.job} has no step {name!r}.", f"Its steps are {', '.join(names)}.")
    wanted = _with_needs(plan, only) if only else set(names)
    skipped = dict(plan.skipped)
    for step in plan.steps:
        reason = _reason(step, wanted, skip, skipped)
        if reason is not None:
            skipped.setdefault(step.name, reason)
    chosen = replace(plan, skipped=skipped)
    if not chosen.to_run:
        raise JobError(f"Nothing of {plan.job} is left to run.", "Take back some --skip or --only.")
    return chosen


def without(plan: Plan, name: str, reason: str) -> Plan:
    """Return the plan with one step, and what needs it, left out for a reason."""
    narrowed = replace(plan, skipped={**plan.skipped, name: reason})
    return selected(narrowed)


def described(plan: Plan) -> dict[str, object]:
    """Return the plan as JSON data."""
    return {
        "job": plan.job,
        "steps": [
            {
                "name": step.name,
                "does": step.does,
                "needs": list(step.needs),
                "inputs": list(step.inputs),
                "effects": list(step.effects),
                "commands": [list(command) for command in step.commands],
                "limit_s": step.limit_s,
                "gate": step.gate,
                "skipped": plan.skipped.get(step.name),
            }
            for step in plan.steps
        ],
    }


def in_words(plan: Plan) -> str:
    """Return the plan as text for a terminal."""
    return "\n".join(line for step in plan.steps for line in _lines(step, plan.skipped.get(step.name)))


def _lines(step: Step, skipped: str | None) -> Iterable[str]:
    yield f"{step.name}: {step.does}" + (f"  [skipped: {skipped}]" if skipped else "")
    if step.needs:
        yield f"    after    {', '.join(step.needs)}"
    if step.inputs:
        yield f"    reads    {', '.join(step.inputs)}"
    for effect in step.effects:
        yield f"    changes  {effect}"
    for command in step.commands:
        yield f"    runs     {' '.join(command)}"
    yield f"    at most  {step.limit_s} s"


def _with_needs(plan: Plan, names: Collection[str]) -> set[str]:
    wanted = set(names)
    for step in reversed(plan.steps):
        if step.name in wanted:
            wanted.update(step.needs)
    return wanted


def _reason(
    step: Step, wanted: Collection[str], skip: Collection[str], skipped: Mapping[str, str]
) -> str | None:
    if step.name in skip:
        return "asked for with --skip"
    if step.name not in wanted:
        return "not among --only"
    lacking = [name for name in step.needs if name in skipped]
    return f"needs {', '.join(lacking)}" if lacking else None
