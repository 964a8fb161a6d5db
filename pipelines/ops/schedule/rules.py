"""The rules of a schedule, without a clock or a disk: what is due, what a run changes, who must be told."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pipelines.ops.schedule.record import RUNS, Alarm, Record, Run
from pipelines.ops.schedule.timetable import Timetable

STEP = timedelta(minutes=5)
"""A clock that is set back by less changes nothing."""
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)
REMIND = timedelta(days=1)
"""What is still wrong after that time is said again."""
LATE = timedelta(hours=2)
"""A job without an age of its own may be so much later than its timetable says."""


def due(record: Record, timetable: Timetable) -> datetime:
    """Return when the job is to run next: a time that has passed means now.

    All times that were missed together are one run. After a failure it is tried again when the back-off has
    passed, and not before, whatever the timetable says.
    """
    if record.owed:
        return record.settled
    return record.retry or timetable.after(record.settled)


def backoff(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: a minute, then twice as long, to an hour."""
    return min(FIRST_RETRY * (1 << min(failures - 1, 10)), LAST_RETRY)


def adjusted(record: Record, now: datetime) -> Record:
    """Take what lies in the future for the present: a clock was wrong, or is now.

    So a clock that was once far ahead neither stops a job nor hides its silence.
    """
    changes: dict[str, object] = {
        name: now
        for name in ("since", "settled", "running", "success")
        if (value := getattr(record, name)) is not None and value > now + STEP
    }
    if record.retry is not None and record.retry > now + LAST_RETRY + STEP:
        changes["retry"] = now
    changes |= {
        name: Alarm(time=now, code=alarm.code)
        for name in ("failing", "silent")
        if (alarm := getattr(record, name)) is not None and alarm.time > now + STEP
    }
    return record.model_copy(update=changes) if changes else record


def begun(record: Record, now: datetime) -> Record:
    """Note that a run begins; until it has ended nothing is settled."""
    return record.model_copy(update={"running": now})


def ended(record: Record, run: Run) -> Record:
    """Note how a run ended. A time that came while it ran is run once after it."""
    common = {"running": None, "owed": False, "settled": run.started, "runs": _with(record, run)}
    if not run.good:
        failures = record.failures + 1
        return record.model_copy(
            update={**common, "failures": failures, "retry": run.ended + backoff(failures)}
        )
    update: Mapping[str, object] = {
        **common,
        "failures": 0,
        "retry": None,
        "success": run.ended,
        "kept": run,
        "failing": None,
        "silent": None,
    }
    return record.model_copy(update=update)


def cut_short(record: Record, run: Run) -> Record:
    """Note a run that was told to end because the scheduler ends: no failure, and due at the next start."""
    return record.model_copy(update={"running": None, "owed": True, "runs": _with(record, run)})


def lost(record: Record, now: datetime) -> Record:
    """Note that a run never ended, for its scheduler died: the first time due at once, then backed off."""
    assert record.running is not None  # noqa: S101  # the callers' part
    run = Run(
        started=record.running,
        ended=now,
        seconds=max(0.0, (now - record.running).total_seconds()),
        code=None,
        good=False,
        reason="The scheduler died while it ran.",
        hint="See why: its log, and that of the machine.",
    )
    noted = ended(record, run)
    return noted.model_copy(update={"owed": True, "retry": None}) if noted.failures == 1 else noted


def overdue(record: Record, max_age: timedelta, now: datetime) -> bool:
    """Say whether there was no success for longer than `max_age`, which counts from the first start on."""
    return now - (record.success or record.since) > max_age


def tell_of_failure(record: Record, now: datetime) -> bool:
    """Say whether the last run is to be told of: it failed, and not as was said within the last day."""
    if not record.runs or record.failures == 0:
        return False
    said = record.failing
    return said is None or said.code != record.runs[-1].code or now - said.time >= REMIND


def tell_of_silence(record: Record, max_age: timedelta, now: datetime) -> bool:
    """Say whether it is to be told that the job is overdue: it is, and that was not said within a day."""
    said = record.silent
    return overdue(record, max_age, now) and (said is None or now - said.time >= REMIND)


def _with(record: Record, run: Run) -> tuple[Run, ...]:
    return (*record.runs, run)[-RUNS:]
