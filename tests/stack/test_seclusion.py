"""Production while it runs: no process of it is root or may more, and no secret can be seen from outside."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.deployment import SECRETS, Deployment
from tests.stack.engine import Engine
from tests.stack.processes import check_unprivileged, seen_in_ops, seen_until
from tests.stack.whole import Whole, whole_stack

CONTAINERS = {"synapse_redis": 999, "synapse_backend": 1000, "synapse_frontend": 101}
_KEY = "a-key-of-model-servers-0123456789"


@pytest.fixture(scope="module")
def site(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Run production, with a key for model servers."""
    with whole_stack(docker, tmp_path_factory.mktemp("seclusion")) as running:
        for name in ("model_api_key", "embedding_api_key"):
            (running.made.folder / "secrets" / name).write_text(_KEY)
        running.made.compose("up", "--detach", "--wait", "--no-build", "--force-recreate")
        running.add("Seen", "It was asked for, so that the logs hold requests.")
        yield running


@pytest.fixture(scope="module")
def values(site: Whole) -> dict[str, str]:
    """Return each secret."""
    found = {name: (site.made.folder / "secrets" / name).read_text().strip() for name in SECRETS}
    assert all(len(value) > 20 for value in found.values())
    return found


def _processes(made: Deployment, container: str) -> list[Path]:
    """Return what the machine knows of each process of a container, its init first."""
    found = [made.init(container), *made.pids(container)]
    assert len(found) > 1
    return [Path("/proc") / str(pid) for pid in found]


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_process_is_root_or_may_more(site: Whole, container: str) -> None:
    """The init, all below it and the health check: another user, no capability, and none to be had."""
    seen = seen_until(site.made, container, "heal.sh")
    assert len(seen) > 2
    check_unprivileged(seen, CONTAINERS[container])


def test_no_process_of_ops_is_root_or_may_more(site: Whole) -> None:
    """While a backup is under way: its init, the command, the scratch Redis that it proves the point in."""
    seen = seen_in_ops(site.made, "backup")
    for command in ("docker-init", "bin/synapse backup", "redis-server"):
        assert any(command in process.command for process in seen), command
    check_unprivileged(seen, 1000)


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_secret_is_seen_from_outside(site: Whole, container: str, values: dict[str, str]) -> None:
    """Not in what a process was called with, not in its environment, its log or what Docker tells of it."""
    seen = {
        f"{process.name} {name}": (process / name).read_bytes().decode(errors="replace")
        for process in _processes(site.made, container)
        for name in ("cmdline", "environ")
    }
    assert any("PATH=" in text for text in seen.values())
    seen["inspect"] = json.dumps(site.made.inspect(container))
    seen["logs"] = site.made.compose("logs", "--no-color", container.removeprefix("synapse_")).stdout
    for secret, value in values.items():
        assert {place for place, text in seen.items() if value in text} == set(), secret


def test_no_secret_is_in_what_ops_is_started_with(site: Whole, values: dict[str, str]) -> None:
    """A container for one command: its settings as Docker keeps them, and what a backup prints."""
    site.made.compose("--profile", "ops", "create", "--no-build", "ops")
    name = site.made.compose("ps", "--all", "--quiet", "ops").stdout.strip()
    seen = {"inspect": json.dumps(site.made.inspect(name))}
    assert "/run/secrets/redis_password" in seen["inspect"]
    done = site.made.compose("run", "--rm", "-T", "ops", "backup", "--json")
    seen["output"] = done.stdout + done.stderr
    for secret, value in values.items():
        assert {place for place, text in seen.items() if value in text} == set(), secret
