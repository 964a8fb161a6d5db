"""Every service of every form is as hardened and as bounded as the requirements say."""

from pathlib import Path
from typing import Any

import pytest

from app.answering.health import PATIENCE_S
from tests.stack.compose import compose_command
from tests.stack.deployment import DEVELOPMENT, PRODUCTION, laid_out
from tests.stack.engine import Engine, NoEngineError

FORMS = {"development": DEVELOPMENT, "production": PRODUCTION}
SERVERS = ("redis", "backend", "frontend")
NAMES = {name: f"synapse_{name}" for name in SERVERS}
LIMITS = {"redis": ("0.5", 512), "backend": ("2", 2048), "frontend": ("1", 1024), "ops": ("2", 2048)}
RESERVED = {"redis": ("0.25", 256), "backend": ("1", 1024), "frontend": ("0.5", 512)}
HEALTH = {"redis": ("10s", "3s", "10s"), "backend": ("15s", "5s", "30s"), "frontend": ("15s", "5s", "20s")}
MEGABYTE = 1 << 20
_STARTS_S = 1.5
"""What the check itself may need to start on a slow machine."""


@pytest.fixture(params=sorted(FORMS))
def form(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """Return the name of a form and what compose makes of it; no engine is needed."""
    try:
        compose_command()
    except NoEngineError as error:
        pytest.skip(f"NOT CHECKED: {error}")
    made = laid_out(Engine("unix:///nowhere", "docker"), tmp_path, FORMS[request.param])
    return request.param, made.rendered()["services"]


def services(form: tuple[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return every service by name."""
    found = form[1]
    assert set(found) == {*SERVERS, "ops"}
    return sorted(found.items())


def test_hardening(form: tuple[str, dict[str, Any]]) -> None:
    """No root, no capability, no new privilege, nothing privileged, a read-only root, an init."""
    for name, service in services(form):
        assert service["user"].split(":")[0] not in {"", "0", "root"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("cap_add"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["init"] is True, name
        assert not {"privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"} & set(service), name


def test_bounds(form: tuple[str, dict[str, Any]]) -> None:
    """Processors, memory, processes and logs of each are bounded as the requirements say."""
    for name, service in services(form):
        limits = service["deploy"]["resources"]["limits"]
        cpus, megabytes = LIMITS[name]
        assert (float(limits["cpus"]), int(limits["memory"])) == (float(cpus), megabytes * MEGABYTE), name
        assert 0 < limits["pids"] <= 512, name
        options = service["logging"]["options"]
        assert service["logging"]["driver"] == "json-file", name
        assert options == {"max-size": "10m", "max-file": "3"}, name
        if name in RESERVED:
            reserved = service["deploy"]["resources"]["reservations"]
            cpus, megabytes = RESERVED[name]
            assert (float(reserved["cpus"]), int(reserved["memory"])) == (float(cpus), megabytes * MEGABYTE)


def test_names_order_and_health(form: tuple[str, dict[str, Any]]) -> None:
    """Containers, network, order of start, health checks and restarts."""
    found = form[1]
    for name in SERVERS:
        service = found[name]
        interval, timeout, start = HEALTH[name]
        check = service["healthcheck"]
        assert service["container_name"] == NAMES[name]
        assert (check["interval"], check["timeout"], check["start_period"]) == (interval, timeout, start), (
            name
        )
        assert check["retries"] == 3, name
        # What hangs is started again: the check itself sees to it, since Docker does not.
        assert "/usr/local/lib/synapse/heal.sh" in check["test"], name
        assert service["restart"] == "unless-stopped", name
        assert list(service["networks"]) == ["synapse_network"], name
    # It is given the time to roll back, and never begins again by itself.
    assert (found["ops"]["stop_grace_period"], found["ops"]["restart"]) == ("2m0s", "no")
    assert found["backend"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert found["frontend"]["depends_on"]["backend"]["condition"] == "service_healthy"


def test_a_service_that_waits_for_another_is_not_taken_for_hung(form: tuple[str, dict[str, Any]]) -> None:
    """The backend says what does not answer well before its own health check would call it hung."""
    words = form[1]["backend"]["healthcheck"]["test"]
    limit = float(words[words.index("/usr/local/lib/synapse/heal.sh") + 1])
    assert PATIENCE_S + _STARTS_S <= limit < float(HEALTH["backend"][1].removesuffix("s"))


def test_only_loopback_is_published(form: tuple[str, dict[str, Any]]) -> None:
    """Nobody else's machine reaches a port unless it is asked for."""
    name, found = form
    published = {
        (service, int(port["target"])): port["host_ip"]
        for service, one in found.items()
        for port in one.get("ports", ())
    }
    assert set(published.values()) == {"127.0.0.1"}
    wanted = {("redis", 6379), ("frontend", 5173 if name == "development" else 8080)}
    assert set(published) == wanted | ({("backend", 8000)} if name == "development" else set())


def test_secrets_are_files(form: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    """No secret stands in an environment, an argument or a label; those who need one get its file."""
    rendered = str(form[1])
    for secret in ("redis_password", "api_token"):
        assert (tmp_path / "secrets" / secret).read_text() not in rendered
    for name, service in services(form):
        mounted = {secret["source"] for secret in service.get("secrets", ())}
        wanted = set() if name == "frontend" else {"redis_password"}
        if form[0] == "production" and name in {"backend", "ops"}:
            wanted.add("api_token")
        assert mounted == wanted, name


def test_mounts(form: tuple[str, dict[str, Any]]) -> None:
    """The engine's socket is in no container; sources are in those of development alone."""
    name, found = form
    mounts = {
        (service, mount["target"]): bool(mount.get("read_only"))
        for service, one in found.items()
        for mount in one.get("volumes", ())
        if mount["type"] != "tmpfs"
    }
    assert not [target for _, target in mounts if "docker.sock" in target]
    assert mounts["backend", "/app/data"] is False
    development = {
        ("backend", "/app/app"): False,
        ("backend", "/app/app/config"): True,
        ("backend", "/app/tests"): True,
        ("frontend", "/app/src"): False,
        ("frontend", "/app/public"): True,
        ("frontend", "/app/node_modules"): False,
    }
    for mount, read_only in development.items():
        assert (mounts.get(mount) == read_only) == (name == "development"), mount


def test_model_servers_of_the_host(form: tuple[str, dict[str, Any]]) -> None:
    """`host.docker.internal` is there on Linux too."""
    for service in ("backend", "ops"):
        assert form[1][service]["extra_hosts"] == ["host.docker.internal=host-gateway"]


@pytest.mark.parametrize("line", ["REDIS_PASSWORD_FILE", "API_TOKEN_FILE"])
def test_no_start_without_a_secret(tmp_path: Path, line: str) -> None:
    """The stack refuses to start and names the line of .env to edit."""
    try:
        compose_command()
    except NoEngineError as error:
        pytest.skip(f"NOT CHECKED: {error}")
    made = laid_out(Engine("unix:///nowhere", "docker"), tmp_path, PRODUCTION)
    kept = (tmp_path / ".env").read_text()
    (tmp_path / ".env").write_text(kept.replace(f"{line}=", f"{line}=\n#"))
    done = made.compose("up", check=False)
    assert done.returncode
    assert f"edit the line {line}= in .env" in done.stderr
