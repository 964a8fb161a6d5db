"""The scheduler: every job's runner in one loop, which ends when it is told to and never otherwise."""

import select
from collections.abc import Callable, Sequence

from pipelines.ops.schedule.keeping import Note
from pipelines.ops.schedule.running import Runner

TICK_S = 0.5
"""It looks at the clock so often, for a clock may be set at any time."""


class Scheduler:
    """Starts what is due, sees to what runs and to what is overdue. `beat` is called on each round."""

    def __init__(
        self,
        runners: Sequence[Runner],
        note: Note,
        *,
        stopping: Callable[[], bool],
        beat: Callable[[], None],
        tick: float = TICK_S,
    ) -> None:
        self._runners = runners
        self._note = note
        self._stopping = stopping
        self._beat = beat
        self._tick = tick

    def run(self) -> None:
        """Work until told to end; then tell the running jobs to end, and wait for them."""
        for runner in self._runners:
            runner.take_up()
            self._note("next run", job=runner.job.name, at=runner.next_run())
        while not self._stopping():
            self._round()
        self.finish()

    def finish(self) -> None:
        """Wait for the running jobs; tell them to end once we are told to."""
        while any(runner.busy for runner in self._runners):
            if self._stopping():
                for runner in self._runners:
                    runner.tell_to_end()
            self._wait()

    def _round(self) -> None:
        for runner in self._runners:
            runner.start_if_due()
            runner.see_to_silence()
            runner.catch_up_writing()
        self._wait()

    def _wait(self) -> None:
        """Let time pass, less when a job says something, and see to the jobs."""
        self._beat()
        waited_for = [pipe for runner in self._runners for pipe in runner.pipes]
        select.select(waited_for, [], [], self._tick)
        for runner in self._runners:
            if runner.look():
                self._note("next run", job=runner.job.name, at=runner.next_run())
