"""What `synapse schedule` does: its parts are met here, and loaded for no other command."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node

from pipelines.ops.cli.console import Output
from pipelines.ops.cli.here import settings_here
from pipelines.ops.cli.signals import signals_noted
from pipelines.ops.errors import ExitCode, OpsError, RefusedError, UsageError
from pipelines.ops.schedule.announcing import Announcer
from pipelines.ops.schedule.child import Child
from pipelines.ops.schedule.courier import Courier
from pipelines.ops.schedule.jobs import Job
from pipelines.ops.schedule.keeping import shelves
from pipelines.ops.schedule.log import Log
from pipelines.ops.schedule.running import Runner
from pipelines.ops.schedule.scheduler import Scheduler
from pipelines.ops.schedule.serving import serving
from pipelines.ops.schedule.settings import ScheduleSettings, schedule_settings
from pipelines.ops.schedule.status import Pages, Standing, as_data, sentences
from pipelines.ops.settings import given_settings

_UPCOMING = 3
LAST_WORDS_S = 20.0
"""At the end, so long is tried to tell what is still to be told."""
_PROGRAM = (sys.executable, "-m", "pipelines.ops.cli")
_NOT_FOR_JOBS = "SYNAPSE_NOTIFY_"


@dataclass(frozen=True, slots=True)
class _Office:
    """A runner for each job, and what they share."""

    runners: tuple[Runner, ...]
    log: Log

    def standings(self) -> list[Standing]:
        """Return what is known of each job."""
        return [Standing(runner.job, runner.record()) for runner in self.runners]


def show_or_run(output: Output, *, check: bool, once: str | None) -> None:
    """Show the next runs, run one job, or work until told to end."""
    data_dir = settings_here().service.data_dir
    wanted = schedule_settings(given_settings(os.environ), node())
    with _office(wanted, data_dir) as office:
        if check:
            _show(output, office)
        elif once:
            _run_once(output, office, once)
        else:
            _run(office, wanted)


@contextmanager
def _office(wanted: ScheduleSettings, data_dir: Path) -> Iterator[_Office]:
    log = Log(sys.stderr, _now)
    kept = shelves(data_dir, tuple(job.name for job in wanted.jobs), log)
    courier = Courier(log)
    announcer = Announcer(wanted.channels, courier, node())
    try:
        yield _Office(
            tuple(
                Runner(job, kept[job.name], launch=_launch, audience=announcer, note=log, now=_now)
                for job in wanted.jobs
            ),
            log,
        )
    finally:
        courier.close(LAST_WORDS_S)


def _now() -> datetime:
    return datetime.now(UTC)


def _launch(job: Job, say: Callable[[str], None]) -> Child:
    """Start a job as a person would, but for what only the scheduler needs to know."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_JOBS)}
    return Child(
        [*_PROGRAM, *job.arguments],
        environ,
        limit=job.limit.total_seconds(),
        clock=time.monotonic,
        say=say,
    )


def _show(output: Output, office: _Office) -> None:
    standings = office.standings()
    data = as_data(standings, _now())
    upcoming = {one.job.name: [moment.isoformat() for moment in one.upcoming(_UPCOMING)] for one in standings}
    output.result({**data, "upcoming": upcoming}, "\n".join(sentences(standings, _UPCOMING)))


def _run(office: _Office, wanted: ScheduleSettings) -> None:
    with ExitStack() as held:
        stopping = held.enter_context(signals_noted())
        pages = Pages(_now, time.monotonic)
        pages.beat(office.standings())
        scheduler = Scheduler(
            office.runners, office.log, stopping=stopping, beat=lambda: pages.beat(office.standings())
        )
        if wanted.listen:
            port = held.enter_context(serving(wanted.listen, pages.answer))
            office.log("listening", host=wanted.listen[0], port=port)
        scheduler.run()
        office.log("ended in good order")


def _run_once(output: Output, office: _Office, name: str) -> None:
    """Run one job now; its exit code is ours."""
    runner = next((one for one in office.runners if one.job.name == name), None)
    if runner is None:
        raise UsageError(
            f"There is no timetable for {name}, so nothing is known of it.",
            f"Set SYNAPSE_SCHEDULE_{name.upper()}, also where a timer of the system starts it.",
        )
    with signals_noted() as stopping:
        runner.take_up()
        if not runner.start():
            raise RefusedError(f"Another scheduler runs {name} now.", "Wait until it has ended.")
        Scheduler([runner], office.log, stopping=stopping, beat=lambda: None).finish()
    run = runner.record().runs[-1]
    output.result(
        {"job": name, **run.model_dump(mode="json")},
        f"{name}: {run.reason or 'done'}, {run.seconds:.2f} s",
    )
    if not run.good:
        raise _failed(run.code, run.reason, run.hint)


def _failed(code: int | None, reason: str, hint: str) -> OpsError:
    error = OpsError(reason, hint)
    if code in set(ExitCode):
        error.code = ExitCode(code)
    return error
