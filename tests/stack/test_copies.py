"""Copies of the project's folder: under a strict umask, a second beside the first, a newer version."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.running import HOLDERS, fill, held

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def shut(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run a stack from a folder that its owner alone may read, after `make secrets`."""
    with deployed(docker, tmp_path_factory.mktemp("shut"), QUICK) as made:
        for name in ("app", "deploy", "frontend"):
            for path in (made.folder / name, *(made.folder / name).rglob("*")):
                path.chmod(path.stat().st_mode & 0o700)
        subprocess.run(["sh", "deploy/first-start.sh"], cwd=made.folder, env=dict(docker.environ), check=True)
        made.up(*HOLDERS)
        yield made


def test_a_strict_umask(shut: Deployment) -> None:
    """Everything that a container reads of it can be read: it holds and answers."""
    fill(shut, keys=100)
    assert held(shut).answers


def test_a_second_copy_is_told_of_the_first(shut: Deployment, tmp_path: Path) -> None:
    """It gets no password to start with, and the checklist in it names the folder of the first."""
    second = tmp_path / "second"
    shutil.copytree(shut.folder, second, ignore=shutil.ignore_patterns("data", "backups", "secrets", ".env"))
    refused = subprocess.run(
        ["sh", "deploy/first-start.sh"],
        cwd=second,
        env=dict(shut.engine.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode
    assert f"The stack of {shut.folder} is on this machine" in refused.stderr
    assert not (second / "secrets").exists()
    for name in (".env", "secrets"):  # by hand
        copied = shutil.copytree if name == "secrets" else shutil.copy
        copied(shut.folder / name, second / name)
    copy = Deployment(shut.engine, second, shut.files, shut.ports)
    lines = {one["name"]: one for one in copy.checklist()}
    assert (lines["folder"]["state"], str(shut.folder) in lines["folder"]["reason"]) == ("red", True)
    assert {one["name"]: one for one in shut.checklist()}["folder"]["state"] == "green"


def test_a_newer_version_is_taken_whole(shut: Deployment) -> None:
    """The README's line for it takes a file that is mounted, too; the data stays."""
    before = held(shut)
    (line,) = (
        line
        for line in README.read_text().splitlines()
        if line.startswith("docker compose up") and "--force-recreate" in line
    )
    path = shut.folder / "deploy" / "redis" / "redis.conf"
    path.write_text(path.read_text().replace("maxmemory 256mb", "maxmemory 255mb"))
    shut.compose(*line.split()[2:], "--no-build", *HOLDERS)
    with shut.redis() as client:
        assert int(client.config_get("maxmemory")["maxmemory"]) == 255 << 20
    assert held(shut) == before


def test_redis_and_restores_have_one_limit(shut: Deployment) -> None:
    """Whatever .env says: a restore that counted on more than Redis may use would have it killed."""
    for told, wanted in ((None, 512 << 20), ("1G", 1 << 30)):
        more = {"SYNAPSE_REDIS_MEMORY_LIMIT": told} if told else {}
        rendered = shut.compose("--profile", "*", "config", "--format", "json", more=more).stdout
        services = json.loads(rendered)["services"]
        assert int(services["redis"]["deploy"]["resources"]["limits"]["memory"]) == wanted
        assert services["ops"]["environment"]["SYNAPSE_REDIS_MEMORY_LIMIT"] == (told or "512M")
