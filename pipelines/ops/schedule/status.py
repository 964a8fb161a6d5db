"""What is shown of a schedule: /status as a document, /metrics as Prometheus' text, /healthz."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pipelines.ops.schedule.jobs import Job
from pipelines.ops.schedule.record import Record
from pipelines.ops.schedule.rules import due, overdue

HUNG = timedelta(seconds=30)
"""A scheduler that made no round for so long is not well."""


class Standing(NamedTuple):
    """A job, what is known of it, and whether it runs now (here or elsewhere)."""

    job: Job
    record: Record

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.record.running is not None

    @property
    def next_run(self) -> datetime:
        """When it is due next."""
        return due(self.record, self.job.timetable)

    def upcoming(self, count: int) -> list[datetime]:
        """Return the next times, the first of which may have passed."""
        times = self.job.timetable.times(max(self.record.settled, self.next_run))
        return [self.next_run, *(time for time, _ in zip(times, range(count - 1), strict=False))]

    def overdue(self, now: datetime) -> bool:
        """Say whether there was no success for too long."""
        return overdue(self.record, self.job.max_age, now)


def as_data(standings: Sequence[Standing], now: datetime) -> dict[str, object]:
    """Describe every job for programs."""
    return {
        "now": now.isoformat(),
        "good": not any(one.overdue(now) or one.record.failures for one in standings),
        "jobs": [_row(one, now) for one in standings],
    }


def as_metrics(standings: Sequence[Standing], now: datetime) -> str:
    """Write every job in the text format of Prometheus, version 0.0.4."""
    lines = ["# HELP synapse_schedule_up The scheduler runs.", "# TYPE synapse_schedule_up gauge"]
    lines.append("synapse_schedule_up 1")
    for name, meaning, value in _METRICS:
        found = [(one.job.name, value(one, now)) for one in standings]
        lines += [f"# HELP synapse_schedule_{name} {meaning}", f"# TYPE synapse_schedule_{name} gauge"]
        lines += [
            f'synapse_schedule_{name}{{job="{job}"}} {float(number)!r}'
            for job, number in found
            if number is not None
        ]
    return "\n".join([*lines, ""])


class Pages:
    """Answers requests by path, in any thread, with what the scheduler last said; `clock` counts seconds."""

    def __init__(self, now: Callable[[], datetime], clock: Callable[[], float]) -> None:
        self._standings: Sequence[Standing] = ()
        self._now = now
        self._clock = clock
        self._last = clock()

    def beat(self, standings: Sequence[Standing]) -> None:
        """Take note that the scheduler works, and how each job stands."""
        self._standings = standings
        self._last = self._clock()

    def answer(self, path: str) -> tuple[int, str, str]:
        """Return the status, the media type and the body for a path."""
        match path:
            case "/metrics":
                text = as_metrics(self._standings, self._now())
                return 200, "text/plain; version=0.0.4; charset=utf-8", text
            case "/status":
                data = as_data(self._standings, self._now())
                return 200, "application/json", json.dumps(data, indent=2) + "\n"
            case "/healthz":
                silent = self._clock() - self._last
                well = silent < HUNG.total_seconds()
                said = "well\n" if well else f"no round for {silent:.0f} s\n"
                return 200 if well else 503, "text/plain; charset=utf-8", said
            case _:
                return 404, "text/plain; charset=utf-8", "There are /metrics, /status and /healthz.\n"


def _row(one: Standing, now: datetime) -> dict[str, object]:
    record = one.record
    return {
        "job": one.job.name,
        "running": one.running,
        "next_run": one.next_run.isoformat(),
        "overdue": one.overdue(now),
        "max_age_seconds": one.job.max_age.total_seconds(),
        "failures_in_a_row": record.failures,
        "last_success": record.success.isoformat() if record.success else None,
        "known_since": record.since.isoformat(),
        "last_runs": [run.model_dump(mode="json") for run in reversed(record.runs)],
    }


def _seconds(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


_Value = Callable[[Standing, datetime], float | None]
_METRICS: tuple[tuple[str, str, _Value], ...] = (
    (
        "last_success_timestamp_seconds",
        "When the last good run ended.",
        lambda one, _: _seconds(one.record.success),
    ),
    (
        "last_duration_seconds",
        "How long the last run took.",
        lambda one, _: one.record.runs[-1].seconds if one.record.runs else None,
    ),
    (
        "last_exit_code",
        "The exit code of the last run; -1: it told none.",
        lambda one, _: next((-1 if run.code is None else run.code for run in one.record.runs[-1:]), None),
    ),
    (
        "last_size_bytes",
        "The size of what the last good run saved.",
        lambda one, _: one.record.kept.size if one.record.kept else None,
    ),
    (
        "last_new_bytes",
        "What the last good run added to the repository.",
        lambda one, _: one.record.kept.bytes_new if one.record.kept else None,
    ),
    ("failures_in_a_row", "Runs that failed since the last good one.", lambda one, _: one.record.failures),
    ("next_run_timestamp_seconds", "When it is due next.", lambda one, _: _seconds(one.next_run)),
    ("running", "1 while it runs.", lambda one, _: one.running),
    ("overdue", "1 when no run was good for too long.", lambda one, now: one.overdue(now)),
    (
        "max_age_seconds",
        "How long it may be without a good run.",
        lambda one, _: one.job.max_age.total_seconds(),
    ),
)
METRICS = tuple(name for name, _, _ in _METRICS)
"""The names of what is told of each job, after `synapse_schedule_`."""


def sentences(standings: Sequence[Standing], count: int) -> Iterator[str]:
    """Say of each job when it runs next."""
    for one in standings:
        said = ", ".join(f"{time:%Y-%m-%d %H:%M:%S}" for time in one.upcoming(count))
        yield f"{one.job.name:<7} {said} UTC"
