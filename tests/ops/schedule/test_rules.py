"""The rules of a schedule hold through random lives: runs, failures, deaths, and clocks that jump."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ops.schedule.record import RUNS, Record, Run, first_record
from pipelines.ops.schedule.rules import (
    LAST_RETRY,
    REMIND,
    STEP,
    adjusted,
    backoff,
    begun,
    cut_short,
    due,
    ended,
    lost,
    overdue,
    tell_of_failure,
    tell_of_silence,
)
from pipelines.ops.schedule.timetable import timetable

BEGIN = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TABLE = timetable("17 * * * *")
HOUR = timedelta(hours=1)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""
DAY = timedelta(days=1)


def a_run(started: datetime, *, good: bool = True, seconds: int = 60, code: int | None = None) -> Run:
    """Return a run that ended."""
    return Run(
        started=started,
        ended=started + timedelta(seconds=seconds),
        seconds=seconds,
        code=code if code is not None else int(not good),
        good=good,
    )


_EVENTS = ["wait", "good", "bad", "stop", "die", "back", "ahead"]


def _over(record: Record, run: Run, event: str) -> Record:
    match event:
        case "stop":
            return cut_short(record, run)
        case "die":
            return lost(record, run.ended)
        case _:
            return ended(record, run)


@st.composite
def lives(draw: st.DrawFn) -> tuple[Record, datetime]:
    """Draw a record after a random life, and the time that its clock shows then."""
    now = BEGIN
    record = first_record(now)
    for event in draw(st.lists(st.sampled_from(_EVENTS), max_size=12)):
        match event:
            case "wait":
                now += timedelta(minutes=draw(st.integers(1, 3000)))
            case "back":
                now -= timedelta(days=draw(st.integers(1, 400)))
            case "ahead":
                now += timedelta(days=draw(st.integers(1, 400)))
            case _:
                record = begun(adjusted(record, now), now)
                run = a_run(now, good=event == "good", seconds=draw(st.integers(0, 7200)))
                now = run.ended
                record = _over(record, run, event)
    return record, now


@PATIENT
@given(lives())
def test_a_job_is_never_put_off_for_ever(life: tuple[Record, datetime]) -> None:
    """Whatever happened, and wherever the clock stood, the next run is within the timetable's gap."""
    record, now = life
    assert due(adjusted(record, now), TABLE) <= now + STEP + max(TABLE.longest_gap, LAST_RETRY)


@PATIENT
@given(lives(), st.integers(61, 100_000))
def test_what_was_missed_is_run_once(life: tuple[Record, datetime], minutes: int) -> None:
    """After a time of being down one run is due at once, and when it was good no second one."""
    record, now = life
    record = adjusted(record, now)
    now += timedelta(minutes=minutes) + STEP + LAST_RETRY
    assert due(record, TABLE) <= now
    record = ended(begun(record, now), a_run(now, seconds=0))
    assert due(record, TABLE) > now


@PATIENT
@given(lives())
def test_success_ends_every_alarm(life: tuple[Record, datetime]) -> None:
    """After a good run nothing fails, is overdue or is to be told, and the timetable counts again."""
    record, now = life
    record = ended(begun(adjusted(record, now), now), a_run(now))
    assert record.failures == 0
    assert not overdue(record, 2 * HOUR, now)
    assert not tell_of_failure(record, now)
    assert not tell_of_silence(record, 2 * HOUR, now)
    assert due(record, TABLE) == TABLE.after(now)


@PATIENT
@given(lives(), st.timedeltas(timedelta(), timedelta(days=900)))
def test_silence_is_noticed(life: tuple[Record, datetime], passed: timedelta) -> None:
    """Without a success it is told once the age is reached, whatever the clock did before."""
    record, now = life
    record = adjusted(record, now).model_copy(update={"silent": None})
    later = now + passed
    if passed > 3 * HOUR + STEP:
        assert tell_of_silence(record, 3 * HOUR, later)


@PATIENT
@given(lives())
def test_what_is_kept_is_bounded_and_read_again(life: tuple[Record, datetime]) -> None:
    """A record comes back from its file as it was, and does not grow."""
    record, _ = life
    assert Record.model_validate_json(record.model_dump_json()) == record
    assert len(record.runs) <= RUNS


@PATIENT
@given(st.integers(1, 10_000))
def test_the_back_off_grows_to_its_limit(failures: int) -> None:
    """A minute, then twice as long each time, never more than an hour."""
    assert timedelta(minutes=1) <= backoff(failures) <= backoff(failures + 1) <= LAST_RETRY
    assert backoff(failures) == min(timedelta(minutes=2 ** min(failures - 1, 20)), HOUR)


@PATIENT
@given(st.integers(1, 30))
def test_a_failing_job_is_tried_less_and_less_often(count: int) -> None:
    """A job that is due each minute and always fails: each try waits for the back-off."""
    every_minute, now, record = timetable("* * * * *"), BEGIN, first_record(BEGIN)
    for number in range(1, count + 1):
        now = max(now, due(record, every_minute))
        record = ended(begun(record, now), a_run(now, good=False, seconds=0))
        assert due(record, every_minute) == now + backoff(number)


def test_a_lost_run_is_run_again_at_once_and_the_next_one_later() -> None:
    """A scheduler that died once goes on where it was; one that a job kills each time is spared."""
    record = lost(begun(first_record(BEGIN), BEGIN), BEGIN + HOUR)
    assert due(record, TABLE) <= BEGIN + HOUR
    assert record.failures == 1
    assert record.runs[-1].code is None
    again = lost(begun(record, BEGIN + HOUR), BEGIN + 2 * HOUR)
    assert due(again, TABLE) == BEGIN + 2 * HOUR + backoff(2)


def test_a_run_cut_short_is_no_failure_and_is_owed() -> None:
    """Told to end with the scheduler: due at the next start, and nobody is woken for it."""
    record = cut_short(begun(first_record(BEGIN), BEGIN), a_run(BEGIN, good=False, code=130))
    assert due(record, TABLE) <= BEGIN
    assert record.failures == 0
    assert not tell_of_failure(record, BEGIN)


def test_a_failure_is_said_once_a_day_and_at_once_when_it_is_another() -> None:
    """The same failure is not repeated for a day; another exit code is news."""
    record = ended(first_record(BEGIN), a_run(BEGIN, good=False, code=5))
    assert tell_of_failure(record, BEGIN)
    told = Record.model_validate({**record.model_dump(), "failing": {"time": BEGIN, "code": 5}})
    assert not tell_of_failure(told, BEGIN + REMIND - HOUR)
    assert tell_of_failure(told, BEGIN + REMIND)
    assert tell_of_failure(ended(told, a_run(BEGIN + HOUR, good=False, code=4)), BEGIN + HOUR)


def test_silence_is_said_again_after_a_day() -> None:
    """Overdue is told, not repeated for a day, and then said again."""
    record = first_record(BEGIN)
    assert not tell_of_silence(record, 26 * HOUR, BEGIN + 26 * HOUR)
    assert tell_of_silence(record, 26 * HOUR, BEGIN + 27 * HOUR)
    told = Record.model_validate({**record.model_dump(), "silent": {"time": BEGIN + 27 * HOUR}})
    assert not tell_of_silence(told, 26 * HOUR, BEGIN + 28 * HOUR)
    assert tell_of_silence(told, 26 * HOUR, BEGIN + 27 * HOUR + DAY)
