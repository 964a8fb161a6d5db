"""Run the steps of a plan side by side, each when those it needs have passed; no failure hides another."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import anyio

from pipelines.dag.errors import JobExit, StepError, text_of
from pipelines.dag.plan import Plan, Step

Action = Callable[[], Awaitable["Finding"]]
Clock = Callable[[], float]
Told = Callable[["Result"], None]
_SIGNAL_S = 1.0


class State(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step that passed has to tell: a sentence, and figures by name."""

    words: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """How one step ended: `reason` why it did not pass, `output` the end of its log."""

    step: Step
    state: State
    seconds: float = 0.0
    reason: str = ""
    code: int = JobExit.DONE
    output: str = ""
    finding: Finding = field(default_factory=Finding)


async def run_plan(
    plan: Plan, actions: Mapping[str, Action], clock: Clock, told: Told, stop: anyio.CancelScope
) -> list[Result]:
    """Run every step that is not skipped; return the results in the plan's order, also when stopped.

    `actions` has one for each step to run. `clock` gives seconds, monotonic; `told` hears of each result as
    it comes. Who cancels `stop` (Ctrl-C) ends the running steps; the results of these say so.
    """
    results: dict[str, Result] = {}
    began: dict[str, float] = {}
    done = {step.name: anyio.Event() for step in plan.to_run}

    async def one(step: Step) -> None:
        for name in step.needs:
            await done[name].wait()
        lacking = [name for name in step.needs if results[name].state is not State.PASSED]
        if lacking:
            result = Result(step, State.NOT_RUN, reason=f"{', '.join(lacking)} did not pass")
        else:
            began[step.name] = clock()
            result = await _carried_out(step, actions[step.name], clock)
            if result.code:
                # Ctrl-C ends the session too: its requests may fail a moment before the signal is here.
                await anyio.sleep(_SIGNAL_S)
        results[step.name] = result
        told(result)
        done[step.name].set()

    with stop:
        async with anyio.create_task_group() as group:
            for step in plan.to_run:
                group.start_soon(one, step, name=step.name)
    end = clock()
    rest = [
        replace(left, seconds=end - began.get(left.step.name, end))
        for left in unended(plan, State.INTERRUPTED, "interrupted", JobExit.INTERRUPTED)
    ]
    return [results.get(step.name, left) for step, left in zip(plan.steps, rest, strict=True)]


def unended(plan: Plan, state: State, reason: str, code: int) -> list[Result]:
    """Return the results of a plan of which no step has ended: why, or why the plan skips it."""
    return [
        Result(step, State.SKIPPED, reason=plan.skipped[step.name])
        if step.name in plan.skipped
        else Result(step, state, reason=reason, code=code)
        for step in plan.steps
    ]


async def _carried_out(step: Step, action: Action, clock: Clock) -> Result:
    began = clock()
    try:
        with anyio.move_on_after(step.limit_s):
            finding = await action()
            return Result(step, State.PASSED, clock() - began, finding=finding)
    except StepError as error:
        return Result(step, State.FAILED, clock() - began, error.reason, error.code, error.output)
    except Exception as error:  # noqa: BLE001  # one step's surprise must not hide what the others found
        reason = f"{type(error).__name__}: {text_of(error)}"
        return Result(step, State.FAILED, clock() - began, reason, JobExit.FAILED)
    reason = f"not done within its {step.limit_s} s"
    return Result(step, State.TIMED_OUT, clock() - began, reason, JobExit.FAILED)


def exit_code(results: list[Result]) -> int:
    """Return the exit code of a job: the first failed step's own, 130 when it was interrupted."""
    if any(result.state is State.INTERRUPTED for result in results):
        return JobExit.INTERRUPTED
    return next((result.code for result in results if result.code), JobExit.DONE)
