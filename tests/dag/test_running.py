"""Steps side by side: order, failures, limits, and an interruption."""

import asyncio
import time
from collections.abc import Mapping

import anyio
import pytest

from pipelines.dag.errors import StepError
from pipelines.dag.plan import Plan, Step, planned, selected
from pipelines.dag.running import Action, Finding, Result, State, exit_code, run_plan


def done(plan: Plan, actions: Mapping[str, Action], stop_after: str = "") -> dict[str, Result]:
    """Run a plan to its end, or until a step has ended."""

    async def run() -> list[Result]:
        stop = anyio.CancelScope()

        def told(result: Result) -> None:
            if result.step.name == stop_after:
                stop.cancel()

        return await run_plan(plan, actions, time.monotonic, told, stop)

    return {result.step.name: result for result in anyio.run(run)}


async def passes() -> Finding:
    """Pass."""
    return Finding("fine")


async def fails() -> Finding:
    """Fail."""
    raise StepError("it broke", 4, "the end of its output")


async def hangs() -> Finding:
    """Never end."""
    await anyio.sleep_forever()
    raise AssertionError


def test_one_failure_hides_no_other_step() -> None:
    """What needs the failed one is not run and says why; the rest runs."""
    plan = planned("job", (Step("a", ""), Step("b", "", ("a",)), Step("c", "", ("b",)), Step("d", "")))
    found = done(plan, {"a": fails, "b": passes, "c": passes, "d": passes})
    assert found["a"].state is State.FAILED
    assert found["a"].output == "the end of its output"
    assert (found["b"].state, found["b"].reason) == (State.NOT_RUN, "a did not pass")
    assert found["c"].state is State.NOT_RUN
    assert found["d"].state is State.PASSED
    assert exit_code(list(found.values())) == 4


def test_independent_steps_run_side_by_side() -> None:
    """Each waits for the other to have begun: one after another they would wait for ever."""
    begun = {name: anyio.Event() for name in "ab"}

    def meets(own: str, other: str) -> Action:
        async def action() -> Finding:
            begun[own].set()
            await begun[other].wait()
            return Finding()

        return action

    plan = planned("job", (Step("a", "", limit_s=20), Step("b", "", limit_s=20)))
    found = done(plan, {"a": meets("a", "b"), "b": meets("b", "a")})
    assert {result.state for result in found.values()} == {State.PASSED}


def test_a_step_has_a_limit() -> None:
    """It is ended, and the reason names the limit."""
    found = done(planned("job", (Step("a", "", limit_s=0),)), {"a": hangs})
    assert (found["a"].state, found["a"].reason) == (State.TIMED_OUT, "not done within its 0 s")
    assert exit_code(list(found.values())) == 1


def test_a_time_that_ran_out_within_a_step_is_not_the_limit_of_the_step() -> None:
    """Such as that of a connection: it is a surprise like others."""

    async def gives_up() -> Finding:
        raise TimeoutError("no answer from the registry")

    found = done(planned("job", (Step("a", "", limit_s=600),)), {"a": gives_up})
    assert (found["a"].state, found["a"].reason) == (
        State.FAILED,
        "TimeoutError: no answer from the registry",
    )


def test_an_interrupted_step_says_how_long_it_ran() -> None:
    """One that had not begun ran no time."""

    async def run() -> list[Result]:
        stop, times = anyio.CancelScope(), iter((100.0, 100.0, 400.0))

        async def is_stopped() -> Finding:
            stop.cancel()
            return await hangs()

        plan = planned("job", (Step("a", ""), Step("b", "", ("a",))))
        actions = {"a": is_stopped, "b": passes}
        return await run_plan(plan, actions, lambda: next(times), lambda _result: None, stop)

    found = anyio.run(run)
    assert {result.state for result in found} == {State.INTERRUPTED}
    assert [result.seconds for result in found] == [300.0, 0.0]


def test_a_surprise_is_a_failure_of_its_step_alone() -> None:
    """Its kind and words are the reason."""

    async def surprises() -> Finding:
        raise ValueError("what nobody thought of")

    found = done(planned("job", (Step("a", ""), Step("b", ""))), {"a": surprises, "b": passes})
    assert found["a"].reason == "ValueError: what nobody thought of"
    assert found["b"].state is State.PASSED


def test_an_interruption_ends_what_runs_and_leaves_the_results() -> None:
    """What had passed stays passed; the rest says that it was interrupted; the code is 130."""
    found = done(planned("job", (Step("a", ""), Step("b", ""))), {"a": passes, "b": hangs}, stop_after="a")
    assert found["a"].state is State.PASSED
    assert found["b"].state is State.INTERRUPTED
    assert exit_code(list(found.values())) == 130


def test_a_failure_just_before_an_interruption_is_the_interruption() -> None:
    """Whoever interrupts takes the engine's session along, and its end may be noticed first."""

    async def run() -> list[Result]:
        stop = anyio.CancelScope()

        async def loses_the_session() -> Finding:
            asyncio.get_running_loop().call_soon(stop.cancel)
            raise ConnectionError("502 Bad Gateway")

        plan = planned("job", (Step("a", ""),))
        return await run_plan(plan, {"a": loses_the_session}, time.monotonic, lambda _result: None, stop)

    found = anyio.run(run)
    assert [result.state for result in found] == [State.INTERRUPTED]
    assert exit_code(found) == 130


def test_a_skipped_step_is_told_of_and_fails_nothing() -> None:
    """It has its reason."""
    plan = selected(planned("job", (Step("a", ""), Step("b", ""))), skip=("b",))
    found = done(plan, {"a": passes})
    assert found["b"].reason == "asked for with --skip"
    assert exit_code(list(found.values())) == 0


@pytest.mark.parametrize("name", ["a", "b"])
def test_results_are_in_the_order_of_the_plan(name: str) -> None:
    """Whichever ends first."""

    async def first() -> Finding:
        return Finding()

    async def later() -> Finding:
        await anyio.lowlevel.checkpoint()
        return Finding()

    actions = {"a": later, "b": later} | {name: first}
    assert list(done(planned("job", (Step("a", ""), Step("b", ""))), actions)) == ["a", "b"]
