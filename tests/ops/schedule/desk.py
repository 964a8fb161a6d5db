"""A scheduler's surroundings for tests: a clock that is set by hand, real children, and what was told."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.ops.schedule.child import Child
from pipelines.ops.schedule.jobs import Job, job
from pipelines.ops.schedule.keeping import shelves
from pipelines.ops.schedule.record import Record, Run
from pipelines.ops.schedule.running import Runner
from pipelines.ops.schedule.timetable import timetable
from tests.waiting import wait_until

BEGIN = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOURLY = timetable("17 * * * *")


@dataclass
class Desk:
    """Makes runners on one folder; `script` is what the shell runs as the job.

    `now` is what the clock on the wall shows, `ticks` what one shows that nobody sets.
    """

    folder: Path
    now: datetime = BEGIN
    ticks: float = 0.0
    script: str = "true"
    told: list[tuple[str, str]] = field(default_factory=list)
    log: list[dict[str, object]] = field(default_factory=list)
    runners: list[Runner] = field(default_factory=list)

    def began(self, job: Job) -> None:
        """Keep it."""
        self.told.append(("began", job.name))

    def ended(self, job: Job, run: Run) -> None:
        """Keep it."""
        self.told.append(("good" if run.good else "bad", job.name))

    def failed(self, job: Job, record: Record) -> None:
        """Keep it."""
        self.told.append(("failed", f"{job.name}: {record.runs[-1].reason}"))

    def silent(self, job: Job, record: Record) -> None:
        """Keep it."""
        assert record.success is None or record.success < self.now
        self.told.append(("silent", job.name))

    def note(self, event: str, **fields: object) -> None:
        """Keep it."""
        self.log.append({"event": event, **fields})

    def job(self, name: str = "backup", *, limit: float = 60.0) -> Job:
        """Return a job that is due 17 minutes past each hour, and may be silent for three hours."""
        return job(name, HOURLY, limit=timedelta(seconds=limit))

    def runner(self, name: str = "backup", *, limit: float = 60.0) -> Runner:
        """Return a runner, as a scheduler that has just been started has it."""
        made = self.job(name, limit=limit)

        def launch(job: Job, say: Callable[[str], None]) -> Child:
            return Child(
                ["/bin/sh", "-c", self.script],
                os.environ,
                limit=job.limit.total_seconds(),
                clock=lambda: self.ticks,
                say=say,
                grace=20.0,
            )

        shelf = shelves(self.folder, (name,), self.note)[name]
        runner = Runner(made, shelf, launch=launch, audience=self, note=self.note, now=lambda: self.now)
        self.runners.append(runner)
        runner.take_up()
        return runner

    def close(self) -> None:
        """End what is still running."""
        for runner in self.runners:
            if runner.busy:
                runner.tell_to_end()
                self.ticks += 1000
                self.ran(runner)

    def said(self, runner: Runner, line: str) -> None:
        """Wait until the running job has said something."""

        def heard() -> bool:
            assert runner.look() is None
            return any(one.get("line") == line for one in self.log)

        wait_until(heard, f"the job says {line}")

    def ran(self, runner: Runner) -> Run:
        """Wait for the end of a run."""
        runs: list[Run] = []

        def looked() -> bool:
            runs.extend(run for run in [runner.look()] if run)
            return bool(runs)

        wait_until(looked, "the job ends")
        return runs[0]
