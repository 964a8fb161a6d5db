"""The lines of the schedule: what is run, what failed, what nobody runs; each from the record of a job."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from pipelines.ops.doctor.check import State, Subject
from pipelines.ops.schedule.keeping import FOLDER
from pipelines.ops.schedule.record import Record, Run
from pipelines.ops.schedule.settings import timetables
from tests.ops.doctor.installation import NOON, look, says, subject_of

DAILY = {"SYNAPSE_SCHEDULE_BACKUP": "15 3 * * *"}
HOUR = timedelta(hours=1)
AT_3_15 = NOON.replace(hour=3, minute=15)


def scheduled(folder: Path, given: Mapping[str, str] = DAILY) -> Subject:
    """Return an installation with a schedule, at noon."""
    return replace(subject_of(folder), jobs=partial(timetables, given, "here"))


def keep(subject: Subject, record: Record) -> Path:
    """Lay down what is known of the backups."""
    folder = subject.settings.service.data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backup.json").write_text(record.model_dump_json())
    return folder / "backup.json"


def good_at(time: datetime) -> Record:
    """Return the record of a job whose last run was good."""
    return Record(since=time - 99 * HOUR, settled=time, success=time)


def failed(record: Record) -> Record:
    """Add a run that failed."""
    run = Run(
        started=NOON - HOUR,
        ended=NOON - HOUR,
        seconds=1,
        code=5,
        good=False,
        reason="Redis is away",
        hint="Start Redis.",
    )
    return record.model_copy(update={"failures": 1, "runs": (run,), "retry": NOON, "settled": NOON - HOUR})


CASES = {
    "as it should be": (good_at(AT_3_15), State.GREEN, "8.8 hours ago; next 2026-07-09 03:15 UTC"),
    "new": (Record(since=NOON - HOUR, settled=NOON - HOUR), State.GREEN, "not yet due; next 2026-07-09"),
    "it runs": (good_at(AT_3_15 - 24 * HOUR).model_copy(update={"running": AT_3_15}), State.RED, "32.8"),
    "it runs since a while": (
        good_at(AT_3_15).model_copy(update={"running": NOON - HOUR}),
        State.GREEN,
        "8.8",
    ),
    "it failed": (failed(good_at(AT_3_15)), State.AMBER, "8.8 hours ago; 1 failed in a row: Redis is away"),
    "never good": (
        failed(Record(since=AT_3_15, settled=AT_3_15)),
        State.AMBER,
        "none was good; 1 failed in a row: Redis is away",
    ),
    "overdue": (failed(good_at(AT_3_15 - 24 * HOUR)), State.RED, "26.0 hours are allowed; 1 failed"),
    "nobody runs it": (
        good_at(AT_3_15 - HOUR).model_copy(update={"owed": True}),
        State.RED,
        "nothing has run it since 2026-07-08 02:15 UTC",
    ),
    "it is said to run for ever": (
        good_at(NOON - HOUR).model_copy(update={"running": NOON - 9 * HOUR}),
        State.RED,
        "nothing has run it since 2026-07-08 03:00 UTC",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_record_is_judged(tmp_path: Path, case: str) -> None:
    """A failure is amber with its reason, silence is red, and so is a run that nobody makes."""
    record, state, reason = CASES[case]
    subject = scheduled(tmp_path)
    keep(subject, record)
    finding = look("schedule", subject)["schedule backup"]
    says(finding, state, reason)
    if "failed in a row" in finding.reason:
        assert finding.remedy == "Start Redis."


def test_nothing_has_ever_run_it(tmp_path: Path) -> None:
    """Each job has its line, and the remedy is that of the stack that there is."""
    subject = scheduled(tmp_path, DAILY | {"SYNAPSE_SCHEDULE_PRUNE": "45 4 * * *"})
    lines = look("schedule", subject)
    for name in ("schedule backup", "schedule prune"):
        says(lines[name], State.AMBER, "nothing has ever run it", "`synapse schedule`")
    contained = replace(subject, settings=replace(subject.settings, stack="compose"))
    says(look("schedule", contained)["schedule backup"], State.AMBER, "COMPOSE_PROFILES=schedule")


def test_without_a_timetable_it_is_said(tmp_path: Path) -> None:
    """Something else may make the backups; the line `last backup` judges what there is."""
    says(look("schedule", subject_of(tmp_path))["schedule"], State.SKIPPED, "SYNAPSE_SCHEDULE_BACKUP")
    pruned = scheduled(tmp_path, {"SYNAPSE_SCHEDULE_PRUNE": "45 4 * * *"})
    assert set(look("schedule", pruned)) == {"schedule", "schedule prune"}


def test_a_timetable_that_is_none(tmp_path: Path) -> None:
    """The schedule would not start: red, with the setting."""
    subject = scheduled(tmp_path, {"SYNAPSE_SCHEDULE_BACKUP": "at noon"})
    says(look("schedule", subject)["schedule"], State.RED, "SYNAPSE_SCHEDULE_BACKUP=at noon")


def test_a_damaged_record_is_left_where_it_is(tmp_path: Path) -> None:
    """The checklist changes nothing."""
    subject = scheduled(tmp_path)
    path = keep(subject, good_at(AT_3_15))
    path.write_text("{")
    says(look("schedule", subject)["schedule backup"], State.RED, "is damaged")
    assert path.read_text() == "{"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_record_that_this_user_may_not_read(tmp_path: Path) -> None:
    """It is red, with the file."""
    subject = scheduled(tmp_path)
    keep(subject, good_at(AT_3_15)).chmod(0)
    says(look("schedule", subject)["schedule backup"], State.RED, "backup.json cannot be read")
