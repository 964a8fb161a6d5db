"""The services that the pipelines run are those of the compose files."""

import json
from pathlib import Path

import pytest

from pipelines.dag.composed import PRODUCTION, Mount, filled, services
from pipelines.dag.errors import JobError
from pipelines.dag.stack import _COMMANDS

PROJECT = Path(__file__).parent.parent.parent


def test_a_variable_takes_its_value_or_what_stands_in_for_it() -> None:
    """As compose fills `${NAME}`, with a default, nested or demanded."""
    environ = {"A": "set", "EMPTY": ""}
    assert filled("${A}-${A:-other}-${B:-other}-${EMPTY:-other}", environ) == "set-set-other-other"
    assert filled("${B:-${A:-x}}/${B:-${C:-deep}}", environ) == "set/deep"
    assert filled("[${MUST:?say it}]", environ) == "[]"
    assert filled("${A:+instead of ${A}}${EMPTY:+no}${B:+no}", environ) == "instead of set"


def test_the_production_files_give_each_service_what_it_needs() -> None:
    """Entry point, environment of production, files, user and secrets."""
    found = services(PROJECT, PRODUCTION, {"REDIS_IMAGE": "redis:other"})
    redis, backend = found["redis"], found["backend"]
    assert redis.image == "redis:other"
    assert redis.entrypoint == ("/bin/sh", "/usr/local/lib/synapse/start.sh")
    assert Mount("./deploy/redis/redis.conf", "/etc/synapse/redis.conf") in redis.files
    assert all(mount.source.startswith("./deploy/") for one in found.values() for mount in one.files)
    assert backend.environment["ENVIRONMENT"] == "production"
    assert backend.environment["REDIS_HOST"] == "redis"
    assert backend.user == "1000:1000"
    assert {"redis_password", "api_token"} <= set(backend.secrets)
    assert found["ops"].environment["SYNAPSE_BACKEND_URL"] == "http://backend:8000"


def test_a_service_runs_the_command_of_its_image() -> None:
    """Where compose names none, the pipelines say again what the Dockerfile says last."""
    for name, dockerfile in (("backend", "app/Dockerfile"), ("frontend", "frontend/Dockerfile")):
        lines = (PROJECT / dockerfile).read_text(encoding="utf-8").splitlines()
        *_, last = (line.removeprefix("CMD ") for line in lines if line.startswith("CMD ["))
        assert tuple(json.loads(last)) == _COMMANDS[name]
    assert _COMMANDS["redis"] == ()  # an entry point of its own, which takes none


def test_a_folder_without_compose_files_is_named(tmp_path: Path) -> None:
    """It says which file is missing."""
    with pytest.raises(JobError, match=r"docker-compose\.yml"):
        services(tmp_path, PRODUCTION, {})
