"""`synapse schedule` as a process: kills, two at once, the end in good order, and what it tells."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pipelines.ops.errors import NothingError
from pipelines.ops.repository import FolderStore, Repository
from pipelines.ops.schedule.keeping import FOLDER
from pipelines.ops.schedule.record import Record
from tests.certificates import made_in
from tests.ending import ended
from tests.ops.schedule.receivers import Web, post_office, web
from tests.ports import free_port
from tests.processes import children, lives
from tests.servers import PROGRAMS, live_server
from tests.waiting import wait_until

PROGRAM = (sys.executable, "-m", "pipelines.ops.cli", "schedule")
SECRET = "a-secret-word"
PATIENCE_S = 240.0


@pytest.fixture
def receiver() -> Iterator[Web]:
    """Run what is pinged and posted to."""
    with web() as running:
        yield running


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a schedule that is due once a year, on an empty machine without a Redis."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "DATA_DIR": str(tmp_path / "data"),
        "SYNAPSE_REPOSITORY": str(tmp_path / "repository"),
        "SYNAPSE_SCRATCH_DIR": str(scratch),
        "REDIS_PORT": "1",
        "SYNAPSE_SCHEDULE_BACKUP": "0 0 1 1 *",
    }


def _record(tmp_path: Path) -> Record:
    return Record.model_validate_json((tmp_path / "data" / FOLDER / "backup.json").read_bytes())


def _missed(tmp_path: Path) -> None:
    """Leave the record of a scheduler that has been down for two years."""
    folder = tmp_path / "data" / FOLDER
    folder.mkdir(parents=True)
    then = datetime.now(UTC) - timedelta(days=730)
    (folder / "backup.json").write_text(Record(since=then, settled=then).model_dump_json())


def _started(environ: dict[str, str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(PROGRAM, env=environ, cwd=folder, stdout=out, stderr=out)


def _run(environ: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.timeout(900)
def test_killed_in_mid_run_it_runs_again_and_two_at_once_run_it_once(
    tmp_path: Path, environ: dict[str, str], receiver: Web
) -> None:
    """SIGKILL takes the job along; then of two schedulers one makes the missed restore point, proven."""
    _missed(tmp_path)
    log = tmp_path / "log"
    port = free_port()
    with ExitStack() as held:
        server = held.enter_context(live_server(next(iter(PROGRAMS.values())), tmp_path / "live"))
        with server.client() as client:
            client.set("key", "value")
        environ |= {
            "REDIS_PORT": str(server.address.port),
            "REDIS_PASSWORD": server.address.password or "",
            "SYNAPSE_NOTIFY_PING": f"{receiver.url}/{SECRET}",
        }
        first = held.enter_context(ended(_started(environ, tmp_path, log)))
        wait_until(lambda: children(first.pid), "the job runs", PATIENCE_S)
        job = children(first.pid)[0]
        first.kill()
        first.wait()
        wait_until(lambda: not lives(job), "the job ends with it", PATIENCE_S)
        assert _record(tmp_path).running is not None
        # On a busy machine the kill may come after the point is there and before it is proven.
        left = _points(tmp_path)
        two = [
            held.enter_context(ended(_started(environ | more, tmp_path, log)))
            for more in ({"SYNAPSE_SCHEDULE_LISTEN": str(port)}, {})
        ]
        wait_until(lambda: _record(tmp_path).success, "the missed run is good", PATIENCE_S)
        _shown(port)
        for process in two:
            process.terminate()
        assert [process.wait(60) for process in two] == [0, 0]
    record = _record(tmp_path)
    assert [run.good for run in record.runs] == [False, True]
    assert "died" in record.runs[0].reason
    assert _points(tmp_path) - left == {record.runs[1].point}
    assert receiver.paths.count(f"/{SECRET}") == 1
    assert SECRET not in log.read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"run", "said", "ended", "a run was lost", "ended in good order"} <= {
        one["event"] for one in lines
    }


def _points(root: Path) -> set[str | None]:
    """Return the ids of the restore points, none where there is no repository yet."""
    try:
        return {point.id for point in Repository.open(FolderStore(root / "repository")).points()}
    except NothingError:
        return set()


def _shown(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        wait_until(lambda: client.get("/status").json()["jobs"][0]["last_runs"][0]["good"], "it is shown")
        assert 'synapse_schedule_last_size_bytes{job="backup"}' in client.get("/metrics").text
        assert client.get("/healthz").status_code == 200


@pytest.mark.timeout(900)
def test_once_ends_with_the_codes_of_the_job_and_tells_of_the_failure(
    tmp_path: Path, environ: dict[str, str], receiver: Web
) -> None:
    """For timers of the system: code 5 when Redis is away; webhook, mail and ping; no secret in the log."""
    certificates = made_in(tmp_path / "certificates")
    password = tmp_path / "password"
    password.write_text(SECRET)
    with post_office(certificates) as office:
        environ |= {
            "SYNAPSE_NOTIFY_WEBHOOK": f"{receiver.url}/hook-{SECRET}",
            "SYNAPSE_NOTIFY_PING": f"{receiver.url}/ping-{SECRET}",
            "SYNAPSE_NOTIFY_MAIL_TO": "ops@example.org",
            "SYNAPSE_NOTIFY_SMTP": f"127.0.0.1:{office.port}",
            "SYNAPSE_NOTIFY_SMTP_USERNAME": "me",
            "SYNAPSE_NOTIFY_SMTP_PASSWORD_FILE": str(password),
            "SYNAPSE_NOTIFY_SMTP_CA": str(certificates.authority),
        }
        done = _run(environ, tmp_path, "--once", "backup", "--json")
    assert done.returncode == 5, done.stderr
    document = json.loads(done.stdout)
    assert document["code"] == 5
    assert "127.0.0.1:1" in document["error"]["what"]
    assert receiver.paths.count(f"/ping-{SECRET}/start") == 1
    assert receiver.paths.count(f"/ping-{SECRET}/fail") == 1
    assert receiver.document(f"/hook-{SECRET}")["exit_code"] == 5
    assert len(office.messages) == 1
    assert office.logins == [f"me {SECRET}"]
    assert SECRET not in done.stderr + done.stdout


def test_check_shows_the_next_runs(tmp_path: Path, environ: dict[str, str]) -> None:
    """Three times of each job, for people and for programs."""
    done = _run(environ | {"SYNAPSE_SCHEDULE_PRUNE": "45 4 * * *"}, tmp_path, "--check", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [row["job"] for row in document["jobs"]] == ["backup", "prune"]
    assert len(document["upcoming"]["prune"]) == 3
    assert document["upcoming"]["backup"][0].endswith("-01-01T00:00:00+00:00")
    shown = _run(environ, tmp_path, "--check")
    assert shown.stdout.startswith("backup ")


@pytest.mark.parametrize(
    ("more", "arguments", "named"),
    [
        ({"SYNAPSE_SCHEDULE_BACKUP": "at noon"}, (), "SYNAPSE_SCHEDULE_BACKUP=at noon"),
        ({}, ("--once", "prune"), "SYNAPSE_SCHEDULE_PRUNE"),
        ({}, ("--once", "backup", "--check"), "--once"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, environ: dict[str, str], more: dict[str, str], arguments: tuple[str, ...], named: str
) -> None:
    """Code 2, and the setting's name, before anything runs."""
    done = _run(environ | more, tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(900)
def test_told_to_end_it_ends_its_job_first(tmp_path: Path, environ: dict[str, str]) -> None:
    """SIGTERM: the job is asked to end and waited for; the run is owed to the next start."""
    _missed(tmp_path)
    log = tmp_path / "log"
    with ended(_started(environ, tmp_path, log)) as process:
        wait_until(lambda: children(process.pid), "the job runs", PATIENCE_S)
        job = children(process.pid)[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    assert not lives(job)
    record = _record(tmp_path)
    assert record.running is None
    assert record.owed or record.failures == 1
