"""The schedule: whether each job that has a timetable is run, and was good of late."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.container_user import shut_out
from pipelines.ops.doctor.quantities import span
from pipelines.ops.errors import OpsError
from pipelines.ops.schedule.jobs import BACKUP, Job
from pipelines.ops.schedule.keeping import FOLDER
from pipelines.ops.schedule.record import Record
from pipelines.ops.schedule.rules import LATE, due, overdue

_NAME = "schedule"


def look_at_schedule(subject: Subject) -> Iterator[Finding]:
    """Read what is kept of each job; where nothing has a timetable, something else may make the backups."""
    jobs = subject.jobs()
    if not any(job.name == BACKUP for job in jobs):
        yield skipped(
            _NAME, "SYNAPSE_SCHEDULE_BACKUP is not set: whether something else makes backups is not known"
        )
    for job in jobs:
        name = f"{_NAME} {job.name}"
        path = subject.settings.service.data_dir / FOLDER / f"{job.name}.json"
        try:
            record = _read(path)
        except OpsError as error:
            yield shut_out(name, subject, error) or red(name, error.what, error.hint)
        else:
            yield _judged(name, job, record, subject) if record else _never(name, subject)


def _read(path: Path) -> Record | None:
    """Return what is known of a job, None where nothing is. Raises OpsError."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OpsError(f"{path} cannot be read ({error.strerror}).", "Look at it as its owner.") from error
    except ValidationError as error:
        raise OpsError(
            f"{path} is damaged.", "Start the schedule: it lays the file aside, and runs the job."
        ) from error


def _judged(name: str, job: Job, record: Record, subject: Subject) -> Finding:
    now = subject.now()
    last = f"the last good run ended {span(now - record.success)} ago" if record.success else "none was good"
    reason = record.runs[-1].reason if record.failures and record.runs else ""
    failed = f"; {record.failures} failed in a row: {reason}" if record.failures else ""
    if overdue(record, job.max_age, now):
        return red(name, f"{last}, {span(job.max_age)} are allowed{failed}", _remedy(record, subject))
    if (since := _stuck(job, record, now)) is not None:
        return red(name, f"{last}; nothing has run it since {since:%Y-%m-%d %H:%M} UTC", _start(subject))
    if record.failures:
        return amber(name, f"{last}{failed}", _remedy(record, subject))
    if record.success is None:
        return green(name, f"not yet due; next {due(record, job.timetable):%Y-%m-%d %H:%M} UTC")
    return green(name, f"{last}; next {due(record, job.timetable):%Y-%m-%d %H:%M} UTC")


def _stuck(job: Job, record: Record, now: datetime) -> datetime | None:
    """Return since when it waits for a scheduler that is not there, or is said to run and cannot."""
    if record.running is not None:
        return record.running if now - record.running > job.limit + LATE else None
    time = due(record, job.timetable)
    return time if now - time > LATE else None


def _remedy(record: Record, subject: Subject) -> str:
    return (record.runs[-1].hint if record.failures and record.runs else "") or _start(subject)


def _never(name: str, subject: Subject) -> Finding:
    return amber(name, "it has a timetable, and nothing has ever run it", _start(subject))


def _start(subject: Subject) -> str:
    if subject.settings.stack == "compose":
        return f"COMPOSE_PROFILES=schedule in .env, then {subject.start}; or look at its log."
    return "Start `synapse schedule`, or look at its log."
