"""How long work tells what it does: a small port, so that flows know no console."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

Advance = Callable[[int], None]
"""Takes the amount done since the last call, in the step's unit."""


class Reporter(Protocol):
    """Shows steps and their progress to whoever waits."""

    def step(
        self, title: str, *, total: int | None = None, unit: str = "bytes"
    ) -> AbstractContextManager[Advance]:
        """Show a step while it lasts; progress counts in `unit`, out of `total` when that is known."""

    def note(self, text: str) -> None:
        """Show one line that stays."""


class SilentReporter:
    """Shows nothing."""

    @contextmanager
    def step(self, _title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Run a step unseen."""
        del total, unit
        yield lambda _amount: None

    def note(self, _text: str) -> None:
        """Drop it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one step took, in seconds."""

    step: str
    seconds: float


@dataclass(slots=True)
class Stopwatch:
    """Times the steps that it shows through another reporter, by a monotonic clock in seconds."""

    reporter: Reporter
    clock: Callable[[], float]
    timings: list[Timing] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Show and time a step, also when it fails."""
        began = self.clock()
        try:
            with self.reporter.step(title, total=total, unit=unit) as advance:
                yield advance
        finally:
            self.timings.append(Timing(title, round(self.clock() - began, 3)))

    def note(self, text: str) -> None:
        """Pass a line on."""
        self.reporter.note(text)
