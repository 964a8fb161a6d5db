"""Health: every part at the same time, with a reason and since when; a hung part is found out."""

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from app.answering.health import Dependency, Health
from app.domain import EmbeddingModel, Generation, StoreUnavailableError
from app.stores.index.port import IndexDescription
from tests.app.doubles import Clock

pytestmark = pytest.mark.anyio
_INDEX = IndexDescription(
    "Flat", "inner product", EmbeddingModel("m", 2, normalised=True), 1, 2, Generation("e", 3)
)


class Part:
    """A part that is as `error` says; None is well."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def check(self) -> None:
        """Fail as it was set to."""
        if self.error:
            raise self.error


async def _describe() -> IndexDescription:
    return _INDEX


def _health(dependency: Dependency) -> Health:
    return Health([dependency], _describe, restoring=bool, clock=Clock(), patience=0.05, fresh=0)


async def test_since_is_when_the_state_began() -> None:
    """It stays while the state stays, whatever the reason, and moves when the state changes."""
    part = Part(StoreUnavailableError("Gone.", "Start it."))
    health = _health(Dependency("redis", part.check, vital=True))

    first = (await health.look()).conditions[1]
    part.error = ValueError("bug")
    second = (await health.look()).conditions[1]
    part.error = None
    third = (await health.look()).conditions[1]

    assert (first.state, first.reason) == ("down", "Gone. Start it.")
    assert (second.state, second.reason) == ("down", "ValueError: bug")
    assert first.since == second.since < third.since
    assert (third.state, third.reason) == ("ok", "")


async def test_a_part_that_hangs_is_down() -> None:
    """Health answers all the same, and says how long it waited."""
    health = _health(Dependency("hung", anyio.sleep_forever, vital=False))

    report = await health.look()

    assert report.state == "degraded"
    assert report.conditions[1].reason == "no answer within 0.05 s"
    assert report.index == _INDEX


class Hung:
    """A part that answers when it is told to, and counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = anyio.Event()

    async def check(self) -> None:
        """Wait."""
        self.asked += 1
        await self.go_on.wait()


async def test_many_watchers_of_a_part_that_hangs_share_one_look() -> None:
    """Each is told, though the first has left; the part is asked once, and again when it has answered."""
    part = Hung()
    health = _health(Dependency("hung", part.check, vital=True))
    states: list[str] = []

    async def watch() -> None:
        states.append((await health.look()).state)

    async with anyio.create_task_group() as watchers:
        with anyio.move_on_after(0) as first:
            await health.look()
        for _ in range(50):
            watchers.start_soon(watch)

    assert first.cancelled_caught
    assert states == ["down"] * 50
    assert (await health.look()).state == "down"
    assert part.asked == 1
    part.go_on.set()
    assert [(await health.look()).state, (await health.look()).state] == ["ok", "ok"]
    assert part.asked == 2


async def test_whoever_joins_a_look_sees_the_index_as_it_is_now() -> None:
    """What was under way read it before; what was written since is told all the same."""
    part, sequence = Hung(), 3

    async def describe() -> IndexDescription:
        return replace(_INDEX, generation=Generation("e", sequence))

    health = Health(
        [Dependency("slow", part.check, vital=False)], describe, restoring=bool, clock=Clock(), patience=20
    )
    seen: list[int] = []

    async def watch() -> None:
        index = (await health.look()).index
        assert index
        seen.append(index.generation.sequence)

    async with anyio.create_task_group() as watchers:
        watchers.start_soon(watch)
        while not part.asked:
            await anyio.lowlevel.checkpoint()
        sequence = 4
        watchers.start_soon(watch)
        await anyio.lowlevel.checkpoint()
        part.go_on.set()

    assert seen == [3, 4]
