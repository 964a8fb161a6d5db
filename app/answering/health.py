"""Looks at what the service depends on, and since when each part is in its state."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import anyio

from app.errors import SynapseError
from app.inference.errors import ModelLoadingError
from app.stores.index.port import IndexDescription

State = Literal["ok", "degraded", "down"]
PATIENCE_S = 2.5
"""Well below the four seconds after which the container's health check takes the service for hung: it must be
told what does not answer, or the check would end a service that only waits for another."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that is needed; `check` returns or raises. Without a `vital` one nothing is served."""

    name: str
    check: Callable[[], Awaitable[object]]
    vital: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a dependency, why, and since when."""

    name: str
    state: State
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All conditions together. `restoring` still serves reads; `down` serves nothing."""

    state: Literal["ok", "degraded", "down", "restoring"]
    conditions: Sequence[Condition]
    index: IndexDescription | None


class Health:
    """Asks every dependency at the same time, and remembers what it was like before.

    One that has not answered after `patience` seconds is down; an answer is good for `fresh` seconds. Whoever
    looks while a look is under way shares it, and a part that hangs is not asked again until it has answered:
    however many watch, none waits longer than `patience`, and one thread at most is stuck in each part.
    """

    def __init__(
        self,
        dependencies: Sequence[Dependency],
        describe: Callable[[], Awaitable[IndexDescription]],
        *,
        restoring: Callable[[], bool],
        clock: Callable[[], datetime],
        patience: float = PATIENCE_S,
        fresh: float = 1.0,
    ) -> None:
        self._dependencies = [Dependency("index", self._describe, vital=True), *dependencies]
        self._describe_index = describe
        self._restoring = restoring
        self._clock = clock
        self._patience = patience
        self._fresh = fresh
        self._conditions: dict[str, Condition] = {}
        self._index: IndexDescription | None = None
        self._asking: dict[str, asyncio.Task[tuple[State, str]]] = {}
        self._looking: asyncio.Task[HealthReport] | None = None
        self._looked = float("-inf")

    async def look(self) -> HealthReport:
        """Return how everything is; all but the index are not asked again while it is fresh."""
        joined = self._looking is not None and not self._looking.done()
        report = await self._shared()
        # What was under way began before this was asked for, and the index may hold more since.
        return await self._shared() if joined and report.index else report

    async def _shared(self) -> HealthReport:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # Whoever began it may leave before the others.
        return await asyncio.shield(self._looking)

    async def _look(self) -> HealthReport:
        fresh = anyio.current_time() - self._looked < self._fresh
        async with anyio.create_task_group() as checks:
            for dependency in self._dependencies[:1] if fresh else self._dependencies:
                checks.start_soon(self._check, dependency)
        if not fresh:
            self._looked = anyio.current_time()
        return self._report()

    def _report(self) -> HealthReport:
        conditions = [self._conditions[dependency.name] for dependency in self._dependencies]
        vital = {dependency.name for dependency in self._dependencies if dependency.vital}
        if any(condition.state == "down" and condition.name in vital for condition in conditions):
            return HealthReport("down", conditions, self._index)
        if self._restoring():
            return HealthReport("restoring", conditions, self._index)
        fine = all(condition.state == "ok" for condition in conditions)
        return HealthReport("ok" if fine else "degraded", conditions, self._index)

    async def _describe(self) -> None:
        self._index = None
        self._index = await self._describe_index()

    async def _check(self, dependency: Dependency) -> None:
        name = dependency.name
        if name not in self._asking:
            self._asking[name] = asyncio.create_task(_asked(dependency))
        asking = self._asking[name]
        await asyncio.wait({asking}, timeout=self._patience)
        state: State = "down"
        reason = f"no answer within {self._patience:g} s"
        if asking.done():
            state, reason = self._asking.pop(name).result()
        before = self._conditions.get(name)
        since = before.since if before and before.state == state else self._clock()
        self._conditions[name] = Condition(name, state, reason, since)


async def _asked(dependency: Dependency) -> tuple[State, str]:
    try:
        await dependency.check()
    except ModelLoadingError as error:
        return "degraded", str(error)
    except SynapseError as error:
        return "down", str(error)
    except Exception as error:  # noqa: BLE001  # whatever a dependency raises, health must be told
        return "down", f"{type(error).__name__}: {error}"
    return "ok", ""
