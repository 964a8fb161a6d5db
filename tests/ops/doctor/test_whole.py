"""The whole checklist on a real stack with a real, proven backup; then the same with parts broken."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import httpx
import pytest
from pydantic import SecretStr

from pipelines.ops.doctor.check import State, Subject
from pipelines.ops.doctor.examination import examine
from pipelines.ops.doctor.standard import STANDARD
from pipelines.ops.localstack import LocalStack
from pipelines.ops.redis.connection import connect
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.restore import journal
from pipelines.ops.restore.locking import one_restore
from pipelines.ops.settings import OpsSettings
from tests.ops.doctor.installation import look, says
from tests.ops.localstack.stacks import environment, settings_of
from tests.waiting import wait_until


@dataclass(frozen=True)
class Installation:
    """A stack that is up, with the environment of its commands."""

    stack: LocalStack
    environ: Mapping[str, str]

    @property
    def settings(self) -> OpsSettings:
        """The settings, with the password."""
        return self.stack.settings

    @property
    def subject(self) -> Subject:
        """What the doctor examines."""
        return Subject(self.settings)

    def backup(self) -> subprocess.CompletedProcess[str]:
        """Take a restore point with the command."""
        return self._run("from pipelines.ops.cli.main import run; run()", "backup")

    def doctor(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run the checklist with its own options and some settings changed."""
        program = "import typer; from pipelines.ops.cli.doctor import doctor; typer.run(doctor)"
        return self._run(program, *arguments, **changed)

    def _run(self, program: str, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**self.environ, **changed},
            cwd=self.settings.service.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Give a stack with a document and a proven backup."""
    folder = tmp_path_factory.mktemp("installation")
    environ = environment(folder)
    with LocalStack(settings_of(environ), environ, SilentReporter()) as stack:
        added = httpx.post(f"{stack.url}/api/documents", json={"title": "Parrot", "text": "It is blue."})
        assert added.is_success, added.text
        installation = Installation(stack, environ)
        done = installation.backup()
        assert done.returncode == 0, done.stderr
        yield installation


def test_all_is_well(installation: Installation) -> None:
    """Nothing is red, and each part has its green line; only the disk that both are on is amber."""
    found = {finding.name: finding for finding in examine(STANDARD, installation.subject)}
    wanted = {
        "redis",
        "redis persistence",
        "redis eviction",
        "redis memory",
        "redis capture",
        "backend",
        "backend: redis",
        "backend: index",
        "backend: embedder",
        "api",
        "docs",
        "index documents",
        "data folder",
        "restore",
        "repository",
        "last backup",
        "scratch server",
        "log redis.log",
        "log backend.log",
        "clock",
    }
    assert {name: found[name] for name in wanted if found[name].state is not State.GREEN} == {}
    says(found["repository disk"], State.AMBER, "same disk", "SYNAPSE_REPOSITORY")
    says(found["models"], State.SKIPPED, "MODEL_")
    assert [name for name, finding in found.items() if finding.state is State.RED] == []


def test_the_command_tells_programs_and_people(installation: Installation) -> None:
    """JSON with stable keys and code 0 when nothing is red; a table and code 1 when something is."""
    well = installation.doctor("--json")
    assert well.returncode == 0, well.stdout
    said = json.loads(well.stdout)
    assert said["state"] == "amber"
    assert {key for finding in said["findings"] for key in finding} == {"name", "state", "reason", "remedy"}
    ill = installation.doctor(REDIS_PASSWORD="wrong", COLUMNS="200")
    assert ill.returncode == 1
    assert "refused the password" in ill.stdout
    assert "REDIS_PASSWORD_FILE" in ill.stdout


def test_a_wrong_password_is_red(installation: Installation) -> None:
    """The reason is the password and nothing else; what needs Redis is skipped."""
    service = installation.settings.service.model_copy(update={"redis_password": SecretStr("wrong")})
    found = look("redis", Subject(replace(installation.settings, service=service)))
    says(found["redis"], State.RED, "refused the password", "REDIS_PASSWORD")
    assert {finding.state for name, finding in found.items() if name != "redis"} == {State.SKIPPED}


def test_a_redis_set_up_otherwise_is_named(installation: Installation) -> None:
    """Each setting that loses data, evicts sessions or drops captures has its line with the remedy."""
    with connect(installation.settings.redis) as client:
        before = client.config_get("*")
        for name, value in (
            ("appendonly", "no"),
            ("maxmemory-policy", "allkeys-lru"),
            ("client-output-buffer-limit", "replica 1mb 1mb 10"),
        ):
            client.config_set(name, value)
        found = look("redis", installation.subject)
        for name in ("appendonly", "maxmemory-policy", "client-output-buffer-limit"):
            client.config_set(name, before[name])
    says(found["redis persistence"], State.RED, "AOF is off")
    says(found["redis eviction"], State.RED, "allkeys-lru", "volatile-lru")
    says(found["redis capture"], State.AMBER, "1.0 MB", "client-output-buffer-limit")


def test_a_redis_that_is_full_or_a_replica_is_named(installation: Installation) -> None:
    """A server that refuses writes, for whichever reason, is red."""
    with connect(installation.settings.redis) as client:
        client.set("a session", "x" * 2_000_000)
        client.config_set("maxmemory", 1_000_000)
        full = look("redis", installation.subject)
        client.config_set("maxmemory", 256 * 1024 * 1024)
        client.delete("a session")
        client.replicaof("127.0.0.1", "1")
        replica = look("redis", installation.subject)
        client.replicaof("NO", "ONE")
    says(full["redis memory"], State.RED, "refused", "maxmemory")
    says(replica["redis"], State.RED, "replica of 127.0.0.1:1")


def test_a_dead_redis_is_red_for_the_backend_too(installation: Installation) -> None:
    """The backend's own line says what it lacks, and so does the command's exit code."""
    installation.stack.kill_redis()
    try:
        redis = look("redis", installation.subject)
        # The backend's own look at Redis is fresh for a second.
        wait_until(lambda: _state(installation, "backend") is State.RED, "the backend has noticed")
        backend = look("backend", installation.subject)
    finally:
        installation.stack.start()
    says(redis["redis"], State.RED, "cannot be reached", "REDIS_PORT")
    says(backend["backend"], State.RED, "503")
    says(backend["backend: redis"], State.RED, "down since")


def test_a_dead_backend_is_red(installation: Installation) -> None:
    """Its API and page are skipped: the reason is said once."""
    installation.stack.kill_backend()
    try:
        found = look("backend", installation.subject)
        ports = look("ports", installation.subject)
    finally:
        installation.stack.start()
    says(found["backend"], State.RED, "cannot be reached", "API_PORT")
    assert found["api"].state is found["docs"].state is State.SKIPPED
    assert {finding.state for finding in ports.values()} == {State.GREEN}


def test_a_restore_that_was_interrupted_is_red_and_one_that_runs_is_amber(installation: Installation) -> None:
    """Found by its journal, told apart by its lock."""
    data = installation.settings.service.data_dir
    journal.write(data, journal.Journal(restore="r", point="a" * 64))
    try:
        interrupted = look("restore", installation.subject)
        with one_restore(data):
            running = look("restore", installation.subject)
        backend = look("backend", installation.subject)
    finally:
        journal.remove(data)
    says(interrupted["restore"], State.RED, "interrupted", "synapse verify")
    says(running["restore"], State.AMBER, "running now")
    says(backend["backend"], State.AMBER, "restore")


def test_a_restore_that_hangs_is_red(installation: Installation) -> None:
    """Its lock is held, and it was dated long ago."""
    data = installation.settings.service.data_dir
    journal.write(data, journal.Journal(restore="r", point="a" * 64))
    try:
        with (data / ".restore.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.utime(lock.fileno(), (0, 0))
            hung = look("restore", installation.subject)
    finally:
        journal.remove(data)
    says(hung["restore"], State.RED, "hangs", "docker ps --filter name=ops-run")


def test_errors_in_the_logs_are_counted(installation: Installation) -> None:
    """Errors of the last day count, older ones and advice do not."""
    logs = installation.settings.service.data_dir / "logs"
    now = installation.subject.now()
    added = logs / "added.log"
    added.write_text(
        "\n".join(
            [
                json.dumps({"level": "error", "event": "broken", "timestamp": now.isoformat()}),
                json.dumps({"level": "error", "event": "old", "timestamp": "2020-01-01T00:00:00Z"}),
                json.dumps({"level": "info", "event": "fine", "timestamp": now.isoformat()}),
                f"77:M {now:%d %b %Y %H:%M:%S}.123 # Error writing to the AOF file",
                f"77:M {now:%d %b %Y %H:%M:%S}.123 # WARNING Memory overcommit must be enabled!",
            ]
        )
    )
    found = look("logs", installation.subject)
    added.unlink()
    says(found["log added.log"], State.AMBER, "2 errors", "Error writing to the AOF file", str(added))


def test_no_secret_is_shown(installation: Installation) -> None:
    """Whatever is found, the password is not in it."""
    secret = installation.settings.redis.password
    assert secret
    done = installation.doctor("--json", API_PORT="1")
    assert done.returncode == 1
    assert secret not in done.stdout + done.stderr


def _state(installation: Installation, name: str) -> State:
    return look(name, installation.subject)[name].state
