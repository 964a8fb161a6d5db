"""When a job is due: equal to looking at every minute, and sane where clocks are put forward and back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ops.schedule.timetable import Timetable, steady_delay, timetable, zone_named

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BERLIN = "Europe/Berlin"
MOMENTS = st.integers(0, 4 * 366 * 86_400).map(lambda passed: BEGIN + timedelta(seconds=passed))
DELAYS = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))


def _field(first: int, last: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """Return a field as written, with the numbers that it means."""
    every = frozenset(range(first, last + 1))
    numbers = st.sets(st.integers(first, last), min_size=1, max_size=3)
    return st.one_of(
        st.just(("*", every)),
        st.integers(2, last).map(lambda step: (f"*/{step}", frozenset(range(first, last + 1, step)))),
        numbers.map(lambda some: (",".join(str(one) for one in sorted(some)), frozenset(some))),
    )


@settings(deadline=None)
@given(minute=_field(0, 59), hour=_field(0, 23), delay=DELAYS, moment=MOMENTS)
def test_the_next_time_is_the_first_minute_that_fits(
    minute: tuple[str, frozenset[int]], hour: tuple[str, frozenset[int]], delay: timedelta, moment: datetime
) -> None:
    """The model looks at one minute after the other, of the timetable before its delay."""
    looked = (moment - delay).replace(second=0, microsecond=0) + MINUTE
    while looked.minute not in minute[1] or looked.hour not in hour[1]:
        looked += MINUTE
    assert timetable(f"{minute[0]} {hour[0]} * * *", UTC, delay).after(moment) == looked + delay


@settings(deadline=None, max_examples=30)
@given(
    hour=st.integers(0, 23), minute=st.integers(0, 59), zone=st.sampled_from([BERLIN, "America/New_York",
    "Australia/Lord_Howe", "Asia/Kolkata"]), moment=MOMENTS,
)  # fmt: skip
def test_a_daily_time_comes_once_a_day_in_every_zone(
    hour: int, minute: int, zone: str, moment: datetime
) -> None:
    """On each local day once: at that time, or within the hour after it where the clock leaves it out."""
    here = ZoneInfo(zone)
    times = timetable(f"{minute} {hour} * * *", here).times(moment)
    days = []
    for time, _ in zip(times, range(150), strict=False):
        local = time.astimezone(here)
        wanted = timedelta(hours=hour, minutes=minute)
        late = timedelta(hours=local.hour, minutes=local.minute) - wanted
        assert timedelta() <= late <= timedelta(hours=1)
        days.append(local.date())
    assert all(later - day == timedelta(days=1) for day, later in pairwise(days))


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        # 2:00 to 3:00 is left out on 2026-03-29, and comes twice on 2026-10-25.
        ("30 2 * * *", datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("30 2 * * *", datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("30 2 * * *", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        ("0 * * * *", datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
    ],
)
def test_where_the_clock_changes(expression: str, moment: datetime, expected: datetime) -> None:
    """A time of day that is left out comes right after the gap; one that happens twice comes once."""
    assert timetable(expression, zone_named(BERLIN)).after(moment) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("61 * * * *", "minute"),
        ("* * * * tuesday-ish", "day-of-week"),
        ("0 0 30 2 *", "day-of-month"),
    ],
)
def test_what_is_wrong_is_said(expression: str, why: str) -> None:
    """Each wrong expression has its reason."""
    with pytest.raises(ValueError, match=why):
        timetable(expression)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789*/-,#L?W jansu"), max_size=40))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    """Whatever is written into a setting, it is a timetable or a ValueError."""
    try:
        made = timetable(text)
    except ValueError:
        return
    assert isinstance(made, Timetable)


@pytest.mark.parametrize("name", ["Nowhere/Land", "", "../../etc/passwd", "/etc/localtime"])
def test_no_zone_of_that_name(name: str) -> None:
    """A zone that is not known is a ValueError, and never a file of another folder."""
    with pytest.raises(ValueError, match="no time zone"):
        zone_named(name)


@settings(deadline=None)
@given(bound=DELAYS, host=st.text(), job=st.text())
def test_the_delay_is_steady_and_bounded(bound: timedelta, host: str, job: str) -> None:
    """The same machine and job have the same delay in each life, never more than the bound."""
    assert timedelta() <= steady_delay(bound, host, job) <= bound
    assert steady_delay(bound, host, job) == steady_delay(bound, host, job)


def test_delays_differ_among_machines() -> None:
    """A hundred machines do not all come at once."""
    bound = timedelta(minutes=30)
    assert len({steady_delay(bound, f"host-{number}", "backup") for number in range(100)}) > 80


@pytest.mark.parametrize(
    ("expression", "gap"),
    [
        ("15 3 * * *", timedelta(days=1)),
        ("*/5 * * * *", timedelta(minutes=5)),
        ("0 8,20 * * *", timedelta(hours=12)),
        ("0 4 * * sun", timedelta(days=7)),
    ],
)
def test_the_longest_gap(expression: str, gap: timedelta) -> None:
    """The time between two runs is known from the timetable."""
    assert timetable(expression).longest_gap == gap
