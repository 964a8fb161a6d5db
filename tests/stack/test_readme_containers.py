"""Every command that the README shows for containers is run, in its order, in a copy of the project."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.ports import free_port
from tests.stack.compose import PROJECT, compose_command
from tests.stack.deployment import PORTS, PROBES_STARTS, PRODUCTION, laid_out
from tests.stack.engine import Engine
from tests.stack.images import EPOCH
from tests.stack.standins import ARGUMENTS

MUST_NOT_BE_IN_ENV = {"MODEL_API_KEY", "EMBEDDING_API_KEY", "SYNAPSE_PASSPHRASE"}
MUST_NOT_BE_IN_ENV |= {f"SYNAPSE_NOTIFY_{name}" for name in ("WEBHOOK", "PING", "SMTP_PASSWORD")}
"""Compose reads them only to refuse a start, or to refuse to go on in the clear."""
IN_THE_CONTAINER = {"SYNAPSE_REPOSITORY"}
"""The default is a place in the container, the example one on S3."""
IN_FILES = {f"{name}_FILE" for name in MUST_NOT_BE_IN_ENV} | {"SYNAPSE_NOTIFY_SMTP_CA"}
"""The default is an empty file."""
BOUNDS = ("COLLECTION", "MAX_DOCUMENT_BYTES", "MAX_SESSIONS", "MAX_TURNS", "ANSWER_CACHE_SECONDS")


def commands() -> list[str]:
    """Return the lines of the README's blocks for containers."""
    blocks = re.findall(
        r"^```shell\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def copy(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a copy of the project as a clone has it; what was started in it is taken down."""
    folder = tmp_path_factory.mktemp("readme") / "synapse"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((PROJECT / name).read_bytes())
    yield folder
    down = [*compose_command(), "--profile", "*", "down", "--volumes", "--timeout", "3"]
    subprocess.run(down, cwd=folder, env=dict(docker.environ), check=True, capture_output=True)


def test_each_command_works(docker: Engine, copy: Path) -> None:
    """Each ends with code 0."""
    given = {name: str(free_port()) for name in PORTS} | {"SOURCE_DATE_EPOCH": EPOCH}
    compose = shlex.join(compose_command())
    found = commands()
    assert sum("docker compose" in line for line in found) > 10
    for line in found:
        form = _form(copy)
        if form and docker.probes_starts:
            given["COMPOSE_FILE"] = f"{form}:{PROBES_STARTS}"
        done = subprocess.run(
            ["bash", "-c", _typed(line, compose)],
            env={**os.environ, **docker.environ, **ARGUMENTS, **given},
            cwd=copy,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def _typed(line: str, compose: str) -> str:
    """Write a command as it is typed where there is no terminal."""
    line = line.replace("docker compose", compose)
    return line.replace("--rm ops", "--rm -T ops").replace("exec scheduler", "exec -T scheduler")


def _form(copy: Path) -> str:
    """Return the compose files that a command without `-f` means there; nothing before they are chosen."""
    lines = (copy / ".env").read_text() if (copy / ".env").exists() else ""
    named = re.search(r"^COMPOSE_FILE=(.+)$", lines, re.MULTILINE)
    return named[1] if named else ""


def test_the_compose_file_of_one_s_own_is_taken(docker: Engine, tmp_path: Path) -> None:
    """Its files stand where nginx looks for them, beside all that production mounts, and nginx takes them."""
    block = re.search(r"^```yaml\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert block
    made = laid_out(docker, tmp_path, (*PRODUCTION, "own.yml"))
    (tmp_path / "own.yml").write_text(block[1])
    (tmp_path / "tls.conf").write_text("set_real_ip_from 172.30.0.0/24;\n")
    (tmp_path / "uploads.conf").write_text("client_max_body_size 81m;\n")
    mounted = {one["target"] for one in made.rendered()["services"]["frontend"]["volumes"]}
    assert {"/usr/local/lib/synapse/heal.sh", "/etc/nginx/uploads.conf"} <= mounted
    test = ("run", "--rm", "-T", "--no-deps", "frontend", "nginx", "-e", "stderr", "-T")
    said = made.compose(*test).stdout
    assert "set_real_ip_from 172.30.0.0/24;" in said
    assert "client_max_body_size 81m;" in said
    assert "client_max_body_size 40m;" not in said


def test_the_settings_that_the_example_names_are_known() -> None:
    """Each line of .env.example names a setting of compose, of the service or of the commands."""
    readme = (PROJECT / "README.md").read_text()
    unknown = {
        name for name in _example() if name not in _composed() + readme and not name.startswith("MODEL_")
    }
    assert unknown <= {"COMPOSE_FILE"}


def test_the_example_names_whatever_compose_reads() -> None:
    """Each variable of the compose files has its line and default, but for keys that must not be there."""
    read = dict.fromkeys(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", _composed()), "")
    read |= dict(re.findall(r"\$\{([A-Z][A-Z0-9_]*):-([^}]*)\}", _composed()))
    assert len(read) > 25
    assert read.keys() - _example().keys() == MUST_NOT_BE_IN_ENV
    other = IN_THE_CONTAINER | IN_FILES | ARGUMENTS.keys()
    plain = {name for name in read if read[name] and name not in other}
    assert {name: _example()[name] for name in plain} == {name: read[name] for name in plain}


def test_the_example_names_the_bounds_with_their_defaults() -> None:
    """What .env says to the backend through `env_file` is there too, and is the default that it shows."""
    fields = Settings.model_fields
    for name in BOUNDS:
        assert _example()[name] == str(fields[name.lower()].default), name


def _example() -> dict[str, str]:
    found = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    return dict(found)


def _composed() -> str:
    files = [*PROJECT.glob("docker-compose*.yml"), *PROJECT.glob("deploy/compose/*.yml")]
    return "".join(path.read_text() for path in files)
