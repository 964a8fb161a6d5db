"""The service `scheduler`: backups by its timetable, whatever ends it meanwhile, and word of what fails."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipelines.ops.schedule.record import Record
from tests.ops.schedule.receivers import Web, web
from tests.stack.deployment import OWNER, QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.modelled import GATEWAY
from tests.stack.test_backup_hung import copies, left
from tests.waiting import wait_until

CONTAINER = "synapse_scheduler"
HOOK = "/a-secret-word"
EACH_MINUTE, ONCE_A_YEAR = ('SYNAPSE_SCHEDULE_BACKUP="* * * * *"', 'SYNAPSE_SCHEDULE_BACKUP="0 0 1 1 *"')
LONG_AGO = timedelta(days=730)
NEW, NEW_BYTES = 400, 100_000


@pytest.fixture(scope="module")
def receiver(docker: Engine) -> Iterator[Web]:
    """Run what is posted to, where containers find this machine."""
    gateway = docker.docker("network", "inspect", "bridge", "--format", GATEWAY).strip()
    with web(gateway) as running:
        yield running


@pytest.fixture(scope="module")
def stack(docker: Engine, receiver: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run Redis with some data, and a schedule that makes a backup each minute."""
    lines = ("COMPOSE_PROFILES=schedule", "SYNAPSE_NOTIFY_WEBHOOK_FILE=./secrets/webhook", EACH_MINUTE)
    with deployed(docker, tmp_path_factory.mktemp("schedule"), QUICK, *lines) as made:
        hook = made.folder / "secrets" / "webhook"
        hook.write_text(f"http://host.docker.internal:{receiver.port}{HOOK}\n")
        made.up("redis")
        with made.redis() as client:
            for number in range(NEW):
                client.set(f"new:{number}", os.urandom(NEW_BYTES))
        yield made


@pytest.fixture
def missed(stack: Deployment) -> None:
    """Leave the schedule as one that was down for two years, and is due once a year."""
    stack.compose("stop", "scheduler")
    settings = stack.folder / ".env"
    settings.write_text(settings.read_text().replace(EACH_MINUTE, ONCE_A_YEAR))
    then = datetime.now(UTC) - LONG_AGO
    kept(stack).parent.mkdir(exist_ok=True)
    os.chown(kept(stack).parent, OWNER, OWNER)
    kept(stack).write_text(Record(since=then, settled=then, success=then).model_dump_json())


def kept(stack: Deployment) -> Path:
    """Return the file with what is known of the backups."""
    return stack.folder / "data" / "schedule" / "backup.json"


def record(stack: Deployment) -> Record:
    """Return what is known of the backups."""
    return Record.model_validate_json(kept(stack).read_bytes())


def good(stack: Deployment) -> bool:
    """Say whether the last run was good."""
    runs = record(stack).runs
    return bool(runs and runs[-1].good)


def asked(stack: Deployment, path: str) -> str:
    """Return a page as this machine sees it."""
    port = stack.ports["SYNAPSE_SCHEDULE_PORT"]
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).raise_for_status().text


def points(stack: Deployment) -> dict[str, str]:
    """Return the standing of each restore point, as `ops` lists them."""
    listed = json.loads(stack.ops("points", "list", "--json"))["points"]
    return {one["id"]: one["standing"] for one in listed}


def manifests(stack: Deployment) -> set[Path]:
    """Return the restore points as files, also where there is no repository yet."""
    return set((stack.folder / "backups" / "points").glob("*"))


def test_it_makes_a_backup_when_it_is_due(stack: Deployment) -> None:
    """Within a minute; `ops` sees the point, proven; pages answer inside, and to this machine."""
    stack.up("scheduler")
    wait_until(lambda: kept(stack).exists() and good(stack), "a backup was made", 120)
    made = record(stack).runs[-1]
    assert made.point is not None
    assert points(stack)[made.point] == "proven"
    told = json.loads(asked(stack, "/status"))["jobs"][0]
    assert (told["job"], told["last_runs"][-1]["point"], told["overdue"]) == ("backup", made.point, False)
    assert f'synapse_schedule_last_size_bytes{{job="backup"}} {float(made.size or 0)!r}' in asked(
        stack, "/metrics"
    )
    for page in ("healthz", "metrics", "status"):
        url = f"http://127.0.0.1:9184/{page}"
        stack.engine.docker("exec", CONTAINER, "python", "-m", "app.probe", url)
    assert stack.inspect(CONTAINER)["Config"]["Hostname"] == "synapse-scheduler"


@pytest.mark.usefixtures("missed")
def test_killed_in_mid_backup_it_comes_back_and_makes_it(stack: Deployment) -> None:
    """The missed run was begun at the start, is lost with the scheduler, and made by the next one."""
    first = begun(stack)
    stack.strike(CONTAINER, signal.SIGKILL)
    wait_until(lambda: stack.started(CONTAINER) != first, "it is started again")
    wait_until(lambda: good(stack), "the missed backup is made")
    runs = record(stack).runs
    assert [run.good for run in runs] == [False, True]
    assert "died" in runs[0].reason
    assert left_by_the_dead(stack) == []


@pytest.mark.usefixtures("missed")
def test_stopped_in_mid_backup_it_ends_that_in_good_order(stack: Deployment) -> None:
    """Within its grace, with code 0 and nothing half-made; the next start makes the backup."""
    before = manifests(stack)
    begun(stack)
    began = time.monotonic()
    stack.compose("stop", "scheduler")
    took = time.monotonic() - began
    state = stack.inspect(CONTAINER)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert took < 90, "it was killed, or nearly"
    ended = record(stack)
    assert (ended.running, ended.owed, ended.failures) == (None, True, 0)
    assert manifests(stack) == before
    assert left(stack) == []
    stack.up("scheduler")
    wait_until(lambda: good(stack), "the backup is made")
    assert len(manifests(stack) - before) == 1
    assert points(stack)[str(record(stack).runs[-1].point)] == "proven"


@pytest.mark.usefixtures("missed")
def test_without_redis_it_tells(stack: Deployment, receiver: Web) -> None:
    """Of the failure and of the silence, by a webhook whose address nobody else learns."""
    receiver.got.clear()
    stack.compose("stop", "--timeout", "3", "redis")
    try:
        stack.compose("up", "--detach", "--no-deps", "--no-build", "scheduler")
        wait_until(lambda: {"failed", "overdue"} <= told(receiver).keys(), "it is told")
        assert told(receiver)["failed"] == 5
        assert 'synapse_schedule_overdue{job="backup"} 1.0' in asked(stack, "/metrics")
        line = next(one for one in stack.checklist() if one["name"] == "schedule backup")
        assert (line["state"], "cannot be reached" in line["reason"]) == ("red", True), line
    finally:
        stack.up("redis")
    shown = json.dumps(stack.inspect(CONTAINER)) + stack.engine.docker("logs", CONTAINER)
    assert HOOK not in shown


@pytest.mark.usefixtures("missed")
def test_one_that_hangs_is_started_again(stack: Deployment) -> None:
    """By its own health check, as any other service."""
    stack.up("scheduler")
    wait_until(lambda: good(stack), "the backup is made")
    first = stack.started(CONTAINER)
    stack.strike(CONTAINER, signal.SIGSTOP)
    wait_until(lambda: stack.started(CONTAINER) != first, "it is started again")
    wait_until(lambda: stack.healthy(CONTAINER), "it is well")


def begun(stack: Deployment) -> str:
    """Start the schedule, and meet its backup while Redis gives a copy; return when it was started."""
    stack.compose("up", "--detach", "--no-build", "scheduler")
    wait_until(lambda: copies(stack), "the backup copies")
    return stack.started(CONTAINER)


def told(receiver: Web) -> dict[object, object]:
    """Return what was posted: each event with the exit code that it names."""
    return {one["event"]: one["exit_code"] for one in receiver.documents(HOOK)}


def left_by_the_dead(stack: Deployment) -> list[str]:
    """Return what is in the scratch volume after the next backup."""
    return stack.compose("exec", "-T", "scheduler", "ls", "-A", "/scratch").stdout.split()
