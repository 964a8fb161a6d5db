"""`synapse doctor` against the files that are shipped: production through nginx alone, and development."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.servers import answering
from tests.stack.deployment import DEVELOPMENT, PROBES_STARTS, PRODUCTION, Deployment, deployed
from tests.stack.engine import Engine
from tests.waiting import wait_until

UNBOUND = "services:\n" + "".join(
    f"  {service}: {{deploy: !reset null}}\n" for service in ("redis", "backend", "frontend")
)


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run production as it is shipped, with a proven backup."""
    files = shipped(docker, PRODUCTION)
    with deployed(docker, tmp_path_factory.mktemp("shipped"), files) as made:
        made.up()
        done = made.synapse("backup")
        assert done.returncode == 0, done.stderr
        yield made


def shipped(docker: Engine, form: tuple[str, ...]) -> tuple[str, ...]:
    """Return the compose files of a form as the README has them for this engine."""
    return (*form, PROBES_STARTS) if docker.probes_starts else form


def lines(made: Deployment, state: str = "red") -> dict[str, dict[str, Any]]:
    """Return the lines of the checklist that are of a state, by name."""
    return {one["name"]: one for one in made.checklist() if one["state"] == state}


def well(made: Deployment) -> None:
    """Wait until no line is red."""
    wait_until(lambda: not lines(made), "nothing is red")


@contextmanager
def env(made: Deployment, old: str, new: str) -> Iterator[None]:
    """Let .env say something else while the block runs, and have the stack as before then."""
    kept = (made.folder / ".env").read_text()
    assert old in kept
    (made.folder / ".env").write_text(kept.replace(old, new))
    try:
        yield
    finally:
        (made.folder / ".env").write_text(kept)
        made.up()
        well(made)


def test_all_is_well(stack: Deployment) -> None:
    """Nothing is red; the backend is asked through nginx, which alone is published."""
    assert not lines(stack)
    green = lines(stack, "green")
    address = f"http://127.0.0.1:{stack.ports['SYNAPSE_PORT']}"
    for name in ("backend", "api", "docs"):
        assert address in green[name]["reason"], green[name]
    assert {"backend: redis", "backend: index", "redis", "page", "form", "last backup"} <= green.keys()


def test_the_backend_is_away(stack: Deployment) -> None:
    """Its container says so, and nginx does not stand for it: the remedy is to start it."""
    stack.compose("kill", "backend")
    try:
        found = lines(stack)
        assert "exited" in found["container backend"]["reason"]
        assert "does not reach the backend" in found["backend"]["reason"], found["backend"]
        assert found["backend"]["remedy"] == "Start it: docker compose up --detach --wait"
        assert not {"container redis", "container frontend", "redis", "page"} & found.keys()
    finally:
        stack.compose("start", "backend")
        well(stack)


def test_redis_is_down(stack: Deployment) -> None:
    """Its container, Redis itself, and what the backend says of it through nginx."""
    stack.compose("stop", "--timeout", "3", "redis")
    try:
        wait_until(lambda: "backend: redis" in lines(stack), "the backend has noticed")
        found = lines(stack)
        assert "exited" in found["container redis"]["reason"]
        assert "cannot be reached" in found["redis"]["reason"]
        assert "it cannot serve (503)" in found["backend"]["reason"]
        assert "container backend" not in found or "503" in found["container backend"]["reason"]
    finally:
        stack.compose("start", "redis")
        well(stack)


def test_limits_are_removed(stack: Deployment) -> None:
    """Each service that may take all memory is red by itself."""
    (stack.folder / "unbound.yml").write_text(UNBOUND)
    with env(
        stack, f"COMPOSE_FILE={':'.join(stack.files)}", f"COMPOSE_FILE={':'.join(stack.files)}:unbound.yml"
    ):
        replace(stack, files=(*stack.files, "unbound.yml")).up()
        found = lines(stack)
        assert found.keys() == {f"limits synapse_{name}" for name in ("redis", "backend", "frontend")}
        for line in found.values():
            assert "no limit of memory" in line["reason"]
            assert "deploy.resources.limits" in line["remedy"]


@pytest.mark.parametrize(("service", "line"), [("redis", "REDIS_PORT"), ("frontend", "SYNAPSE_PORT")])
def test_a_port_is_taken(stack: Deployment, service: str, line: str) -> None:
    """The container that could not be started says whose port it wanted, and which line to change."""
    stack.compose("rm", "--force", "--stop", service)
    with answering(b"") as port, env(stack, f"{line}={stack.ports[line]}", f"{line}={port}"):
        try:
            failed = stack.compose("up", "--detach", "--no-build", "--no-deps", service, check=False)
            assert failed.returncode
            found = lines(stack)[f"container {service}"]
            assert "already" in found["reason"]
            assert str(port) in found["reason"]
            assert f"{line}={port}" in found["remedy"]
        finally:
            stack.compose("rm", "--force", "--stop", service)


def test_a_whole_development_stack_is_well(stack: Deployment) -> None:
    """The same installation in the other form: nothing is red, and the backend is asked on its own port."""
    files = shipped(stack.engine, DEVELOPMENT)
    with env(stack, f"COMPOSE_FILE={':'.join(stack.files)}", f"COMPOSE_FILE={':'.join(files)}"):
        made = replace(stack, files=files)
        made.up()
        well(made)
        green = lines(made, "green")
        assert {"form", "hot reload", "page", "backend", "redis", "limits synapse_frontend"} <= green.keys()
        assert str(made.ports["API_PORT"]) in green["backend"]["reason"]
