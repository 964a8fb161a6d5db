"""What the scheduler shows: metrics that Prometheus' own parser reads, the status, and whether it is well."""

import json
import socket
from datetime import timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pipelines.ops.schedule.jobs import job
from pipelines.ops.schedule.record import Run, first_record
from pipelines.ops.schedule.rules import ended
from pipelines.ops.schedule.serving import serving
from pipelines.ops.schedule.status import Pages, Standing
from pipelines.ops.schedule.timetable import timetable
from tests.ops.schedule.desk import BEGIN

BACKUP = job("backup", timetable("15 3 * * *"), limit=timedelta(hours=1))
GOOD = Run(started=BEGIN, ended=BEGIN, seconds=4.5, code=0, good=True, point="3f2a", size=70, bytes_new=5)
BAD = Run(
    started=BEGIN, ended=BEGIN, seconds=2, code=5, good=False, reason="Redis is away.", hint="Start it."
)


class _Clock:
    ticks = 0.0
    now = BEGIN


def _pages(clock: _Clock) -> Pages:
    record = ended(ended(first_record(BEGIN), GOOD), BAD)
    pages = Pages(lambda: clock.now, lambda: clock.ticks)
    pages.beat([Standing(BACKUP, record)])
    return pages


def test_the_metrics_are_read_by_prometheus_own_parser() -> None:
    """Success, duration, sizes, failures and the next run of each job."""
    clock = _Clock()
    clock.now = BEGIN + timedelta(hours=27)
    status, media_type, text = _pages(clock).answer("/metrics")
    assert status == 200
    assert media_type.startswith("text/plain; version=0.0.4")
    found = {
        sample.name.removeprefix("synapse_schedule_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels in ({"job": "backup"}, {})
    }
    assert found == {
        "up": 1,
        "last_success_timestamp_seconds": BEGIN.timestamp(),
        "last_duration_seconds": 2,
        "last_exit_code": 5,
        "last_size_bytes": 70,
        "last_new_bytes": 5,
        "failures_in_a_row": 1,
        "next_run_timestamp_seconds": (BEGIN + timedelta(minutes=1)).timestamp(),
        "running": 0,
        "overdue": 1,
        "max_age_seconds": 26 * 3600,
    }


def test_the_status_names_runs_reasons_and_the_next_run() -> None:
    """A document with every job, its runs newest first."""
    document = json.loads(_pages(_Clock()).answer("/status")[2])
    assert document["good"] is False
    row = document["jobs"][0]
    assert (row["job"], row["overdue"], row["failures_in_a_row"]) == ("backup", False, 1)
    assert [run["code"] for run in row["last_runs"]] == [5, 0]
    assert row["last_runs"][0]["reason"] == "Redis is away."
    assert row["next_run"] == (BEGIN + timedelta(minutes=1)).isoformat()


def test_a_scheduler_that_hangs_is_not_well() -> None:
    """Without a round for more than thirty seconds /healthz is 503, and well again with the next one."""
    clock = _Clock()
    pages = _pages(clock)
    assert pages.answer("/healthz")[0] == 200
    clock.ticks += 31
    assert pages.answer("/healthz")[0] == 503
    pages.beat([])
    assert pages.answer("/healthz")[0] == 200


def test_it_is_served_over_http_for_reading_alone() -> None:
    """GET and HEAD; a caller that goes away or talks nonsense hinders nobody."""
    with serving(("127.0.0.1", 0), _pages(_Clock()).answer) as port:
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"nonsense\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            assert client.get("/status").json()["jobs"][0]["job"] == "backup"
            assert client.get("/metrics?x=1").text.startswith("# HELP")
            assert client.head("/healthz").status_code == 200
            assert client.get("/").status_code == 404
            assert client.post("/status").status_code == 501
