"""The checks of the stack in containers, with a `docker` that tells what a test says."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.ops.containers.docker import SCHEDULER, SERVICES, Container, is_secret_name
from pipelines.ops.restore import journal as journals
from tests.ops.containers.program import DockerProgram, facts_of

FORMS = {"development": "docker-compose.override.yml", "production": "docker-compose.production.yml"}
URL = "http://host.docker.internal:8080"


@pytest.fixture
def program(tmp_path: Path) -> DockerProgram:
    """Give the folder of a stack of which all three containers are well: production, as .env names it."""
    environment = ("ENVIRONMENT=production", "REDIS_PASSWORD=", "API_TOKEN_FILE=/run/secrets/api_token")
    facts = {name: facts_of(name, tmp_path, *environment) for name in SERVICES}
    (tmp_path / "docker-compose.yml").touch()
    (tmp_path / ".env").write_text(f"COMPOSE_FILE=docker-compose.yml:{FORMS['production']}\n")
    return DockerProgram(tmp_path / "bin", facts)


def doctor(program: DockerProgram, place: Path | None = None, **more: str) -> dict[str, dict[str, Any]]:
    """Run the checklist in the folder of the stack, or another; return its lines by name."""
    done = asked(program, "doctor", "--json", place=place, **more)
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}


def asked(
    program: DockerProgram, *arguments: str, place: Path | None = None, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run `synapse` with that docker."""
    program.lay()
    environ = {"PATH": f"{program.folder}:{os.environ['PATH']}", "SYNAPSE_STACK": "compose"}
    return subprocess.run(
        [Path(sys.executable).parent / "synapse", *arguments],
        cwd=place or program.folder.parent,
        env=environ | {"REDIS_PORT": "1", "API_PORT": "2"} | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_docker_is_asked_once_and_remedies_are_those_of_containers(program: DockerProgram) -> None:
    """All lines tell of one moment; none speaks of a stack that runs without containers."""
    lines = doctor(program)
    assert (program.asked("ps"), program.asked("inspect")) == (1, 1)
    for name in ("container backend", "form", "secrets", "limits synapse_redis"):
        assert lines[name]["state"] == "green", lines[name]
    remedies = {name: one["remedy"] for name, one in lines.items()}
    assert "BACKUPS_DIR" in remedies["repository"]
    assert remedies["backend"] == "Start it: docker compose up --detach --wait"
    assert "make secrets" in remedies["data folder"]
    assert [one for one in remedies.values() if "synapse up" in one or "SYNAPSE_REPOSITORY" in one] == []


def test_an_interrupted_restore_is_not_ended_by_a_stack_without_containers(program: DockerProgram) -> None:
    """The remedy is a command that is run in the containers."""
    journals.write(program.folder.parent / "data", journals.Journal(restore="r", point="a" * 64))
    line = doctor(program)["restore"]
    assert (line["state"], "synapse verify" in line["remedy"]) == ("red", True), line
    assert "synapse up" not in line["remedy"]


@pytest.mark.parametrize(("runs", "named"), [("production", "development"), ("development", "production")])
def test_another_form_than_the_one_that_is_named(program: DockerProgram, runs: str, named: str) -> None:
    """The next `docker compose up` would make the other of it: said before it does."""
    program.facts["backend"]["Config"]["Env"].append(f"ENVIRONMENT={runs}")
    (program.folder.parent / ".env").write_text(f"COMPOSE_FILE=docker-compose.yml:{FORMS[named]}\n")
    line = doctor(program)["form"]
    assert (line["state"], f"FORM={runs}" in line["remedy"]) == ("red", True), line
    assert named in line["reason"]


def test_the_containers_of_another_copy(program: DockerProgram, tmp_path: Path) -> None:
    """They would be taken over by a start in here; through a link the folder is the same one."""
    assert doctor(program)["folder"]["state"] == "green"
    (tmp_path / "link").symlink_to(program.folder.parent)
    assert doctor(program, place=tmp_path / "link")["folder"]["state"] == "green"
    other = tmp_path / "other"
    other.mkdir()
    for name in ("docker-compose.yml", ".env"):
        (other / name).write_bytes((program.folder.parent / name).read_bytes())
    line = doctor(program, place=other)["folder"]
    assert (line["state"], str(program.folder.parent) in line["reason"]) == ("red", True), line


@pytest.mark.parametrize(("told", "state"), [("", "red"), ("SYNAPSE_REDIS_MEMORY_LIMIT=1G\n", "green")])
def test_a_limit_of_redis_that_restores_do_not_know(program: DockerProgram, told: str, state: str) -> None:
    """In a compose file of one's own, where a restore would still count on the other one."""
    assert doctor(program)["memory of redis"]["state"] == "green"
    program.facts["redis"]["HostConfig"]["Memory"] = 1 << 30
    with (program.folder.parent / ".env").open("a") as settings:
        settings.write(told)
    line = doctor(program)["memory of redis"]
    assert line["state"] == state, line
    assert "SYNAPSE_REDIS_MEMORY_LIMIT" in (line["remedy"] or "SYNAPSE_REDIS_MEMORY_LIMIT")


@pytest.mark.parametrize("profiles", ["other,schedule", "*"])
def test_the_schedule_is_missed_where_it_is_asked_for_alone(program: DockerProgram, profiles: str) -> None:
    """Its container has its lines like any other; without one its profile says whether it is wanted."""
    assert "container scheduler" not in doctor(program)
    with (program.folder.parent / ".env").open("a") as settings:
        settings.write(f"COMPOSE_PROFILES={profiles}\n")
    assert doctor(program)["container scheduler"]["state"] == "red"
    program.facts[SCHEDULER] = facts_of(SCHEDULER, program.folder.parent)
    now = datetime.now(UTC).isoformat()
    line = {"time": now, "level": "error", "event": "ended", "job": "backup", "reason": "Redis is away"}
    program.written = json.dumps(line)
    lines = doctor(program)
    for name in ("container scheduler", "limits synapse_scheduler"):
        assert lines[name]["state"] == "green", lines[name]
    log = lines["log synapse_scheduler"]
    assert (log["state"], "ended: backup: Redis is away" in log["reason"]) == ("amber", True), log


def test_the_schedule_of_the_settings_is_looked_at(program: DockerProgram) -> None:
    """With the stack in containers too: nothing has run it yet."""
    line = doctor(program, SYNAPSE_SCHEDULE_BACKUP="15 3 * * *")["schedule backup"]
    assert (line["state"], "COMPOSE_PROFILES=schedule" in line["remedy"]) == ("amber", True), line


def test_no_form_is_named(program: DockerProgram) -> None:
    """A folder of an older version."""
    (program.folder.parent / ".env").write_text("")
    line = doctor(program)["form"]
    assert (line["state"], line["remedy"]) == ("red", "make secrets FORM=production")


def test_a_secret_that_docker_shows(program: DockerProgram) -> None:
    """Its variable is named, and its value is not repeated."""
    program.facts["backend"]["Config"]["Env"].append("MODEL_API_KEY=sk-very-secret")
    done = asked(program, "doctor", "--json")
    line = next(one for one in json.loads(done.stdout)["findings"] if one["name"] == "secrets")
    assert (line["state"], "MODEL_API_KEY of synapse_backend" in line["reason"]) == ("red", True)
    assert "sk-very-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("service", "port", "line", "words"),
    [
        ("redis", 6379, "REDIS_PORT", "port is already allocated"),
        ("backend", 8000, "API_PORT", "listen tcp4 127.0.0.1:7777: bind: address already in use"),
        ("frontend", 5173, "PAGE_PORT", "port is already allocated"),
        ("frontend", 8080, "SYNAPSE_PORT", "listen tcp4 127.0.0.1:7777: bind: address already in use"),
        ("scheduler", 9184, "SYNAPSE_SCHEDULE_PORT", "port is already allocated"),
    ],
)
def test_a_port_that_somebody_has(
    program: DockerProgram, service: str, port: int, line: str, words: str
) -> None:
    """The remedy is the line of .env to change, with what it says now."""
    facts = program.facts.setdefault(service, facts_of(service, program.folder.parent))
    facts["State"] = {
        "Status": "created",
        "ExitCode": 128,
        "Error": f"Bind for 127.0.0.1:7777 failed: {words}",
    }
    facts["HostConfig"]["PortBindings"] = {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7777"}]}
    found = doctor(program)[f"container {service}"]
    assert (found["state"], "7777" in found["reason"]) == ("red", True), found
    assert f"{line}=7777" in found["remedy"]
    assert "docker compose up --detach --wait" in found["remedy"]


def test_a_container_that_ended_otherwise_is_just_started(program: DockerProgram) -> None:
    """No port is spoken of."""
    program.facts["frontend"]["State"] = {"Status": "exited", "ExitCode": 1, "Error": "no such file"}
    program.facts["frontend"]["HostConfig"]["PortBindings"] = {"8080/tcp": [{"HostIp": "", "HostPort": "80"}]}
    found = doctor(program)["container frontend"]
    assert (found["state"], found["remedy"]) == ("red", "Start it: docker compose up --detach --wait")


DAMAGED = "7:M 30 Nov 2026 22:00:00.000 # Bad file format reading the append only file a.aof: make a backup"
READY = "7:M 30 Nov 2026 22:01:00.000 * Ready to accept connections tcp"


@pytest.mark.parametrize(
    ("written", "damaged"),
    [
        ([DAMAGED], True),
        ([READY, DAMAGED, READY[:28] + "* Redis is starting"], True),
        ([DAMAGED, READY], False),
    ],
)
def test_redis_cannot_load_its_data(program: DockerProgram, written: list[str], *, damaged: bool) -> None:
    """It ends at each start: the remedy is the README's section, until it has been ready again."""
    for state in ("restarting", "running"):
        health = {"Status": "starting"}
        program.facts["redis"]["State"] = {"Status": state, "ExitCode": 1, "Health": health}
        program.written = "\n".join(written)
        found = doctor(program)["container redis"]
        assert ("When the data of Redis is damaged" in found["remedy"]) is damaged, found
        assert (found["state"] == "red", "Bad file format" in found["reason"]) >= (damaged, damaged), found


def test_redis_that_is_well_is_not_called_damaged(program: DockerProgram) -> None:
    """Whatever its log tells of the past."""
    program.written = DAMAGED
    assert doctor(program)["container redis"]["state"] == "green"


def test_memory_that_docker_does_not_tell(program: DockerProgram) -> None:
    """It prints `--` for a container that is just starting."""
    program.memory = "--\n"
    assert doctor(program)["limits synapse_redis"]["state"] == "skipped"
    program.memory = "95.5%\n"
    assert doctor(program)["limits synapse_redis"]["state"] == "amber"


@pytest.mark.parametrize(("code", "state"), [(503, "amber"), (404, "green"), (500, "red")])
def test_a_model_server_as_the_backend_meets_it(program: DockerProgram, code: int, state: str) -> None:
    """One that still loads its model is amber, from wherever it is asked."""
    program.inside = f"{URL}/health answers {code}: loading\n"
    assert doctor(program, MODEL_A_URL=URL)["model MODEL_A_URL"]["state"] == state


def test_outside_of_the_folder_of_the_stack(program: DockerProgram, tmp_path: Path) -> None:
    """It says where the stack is, for each command that means the containers."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in (("doctor",), ("backup",), ("verify",), ("restore", "latest")):
        done = asked(program, *command, place=elsewhere)
        assert done.returncode == 2, done.stderr
        words = "".join(done.stderr.split())
        assert "thereisnodocker-compose.yml" in words
        assert f"cd{tmp_path}." in words


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://[::1]:81"), ("fd00::1", "http://[fd00::1]:81")],
)
def test_a_published_address_can_be_asked(host: str, url: str) -> None:
    """An IPv6 address stands in brackets; every address means this machine."""
    ports = {"Ports": {"8000/tcp": [{"HostIp": host, "HostPort": "81"}]}}
    assert Container("backend", {"NetworkSettings": ports}).published(8000) == url


def test_what_looks_like_a_secret() -> None:
    """A name of a file does not, nor the key that signed an image."""
    secret = (
        "REDIS_PASSWORD",
        "API_TOKEN",
        "MODEL_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "REPOSITORY_PASSPHRASE",
        "SYNAPSE_REGISTRY_LOGIN",
    )
    assert [name for name in secret if not is_secret_name(name)] == []
    plain = ("REDIS_PASSWORD_FILE", "GPG_KEY", "MAX_TOKENS", "MODEL_BIG_URL")
    assert [name for name in plain if is_secret_name(name)] == []
