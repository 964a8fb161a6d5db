"""`synapse doctor` on the host against the stack in containers: red where something is broken."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.doubles import ModelServer, serving
from tests.disks import fill_up, small_disk
from tests.servers import answering
from tests.stack.deployment import DEVELOPMENT, QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.running import fill, held
from tests.waiting import wait_until

GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run production with a proven backup, its data on a small disk of its own."""
    folder = tmp_path_factory.mktemp("doctor")
    with (
        small_disk(folder / "disk", "size=2g,mode=777") as disk,
        deployed(docker, folder / "stack", QUICK, f"DATA_DIR={disk}") as made,
    ):
        made.up()
        done = made.synapse("backup")
        assert done.returncode == 0, done.stderr
        yield made


def findings(made: Deployment) -> dict[str, dict[str, Any]]:
    """Run the checklist; return its lines by name."""
    return {one["name"]: one for one in made.checklist()}


def red(made: Deployment) -> dict[str, str]:
    """Return the reasons of the red lines."""
    return {name: one["reason"] for name, one in findings(made).items() if one["state"] == "red"}


def test_all_is_well(stack: Deployment) -> None:
    """Every part has a line, and none is red; what cannot be green here says why."""
    lines = findings(stack)
    green = {name for name, one in lines.items() if one["state"] == "green"}
    wanted = {"containers", "redis", "backend", "api", "docs", "page", "data folder", "index documents"}
    wanted = {"container redis", "container backend", "container frontend"} | wanted - {"containers"}
    wanted |= {
        *(
            "backend: redis",
            "backend: index",
            "last backup",
            "repository",
            "redis persistence",
            "redis memory",
        ),
        "form",
        "secrets",
        "redis capture",
        "limits synapse_redis",
        "limits synapse_backend",
        "limits synapse_frontend",
    }
    assert wanted <= green, {name: lines.get(name) for name in wanted - green}
    assert {one["state"] for one in lines.values()} <= {"green", "amber", "skipped"}, lines
    assert lines["hot reload"]["state"] == "skipped"


def test_redis_is_down(stack: Deployment) -> None:
    """The container, Redis itself and the backend's own word of it."""
    stack.compose("stop", "--timeout", "3", "redis")
    try:
        wait_until(lambda: "backend: redis" in red(stack), "the backend has noticed")
        found = red(stack)
        assert "exited" in found["container redis"]
        assert "cannot be reached" in found["redis"]
    finally:
        stack.compose("start", "redis")
        wait_until(lambda: not red(stack), "all is well again")


def test_the_password_is_wrong(stack: Deployment) -> None:
    """The settings here hold another password than Redis."""
    kept = stack.password
    (stack.folder / "secrets" / "redis_password").write_text("another-password-than-that")
    try:
        assert "refused the password" in red(stack)["redis"]
    finally:
        (stack.folder / "secrets" / "redis_password").write_text(kept)


def test_the_index_folder_is_unreadable(stack: Deployment) -> None:
    """The backend says which dependency is down and why."""
    data = Path(stack.rendered()["services"]["backend"]["volumes"][0]["source"])
    with put_away(data / "faiss_indexes"):
        found = wait_until_red(stack, "backend: index")
        assert "faiss_indexes" in found or "ermission" in found, found
    stack.compose("restart", "--timeout", "5", "backend")
    wait_until(lambda: not red(stack), "all is well again")


def wait_until_red(stack: Deployment, line: str) -> str:
    """Return the reason of a line when it is red."""
    wait_until(lambda: line in red(stack), f"{line} is red")
    return red(stack)[line]


@contextmanager
def put_away(folder: Path) -> Iterator[None]:
    """Let nobody but root read a folder, nor find what was in it, while the block runs."""
    owner = folder.stat()
    beside = folder.with_name("put-away")
    folder.rename(beside)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        folder.rmdir()
        beside.rename(folder)
        os.chown(folder, owner.st_uid, owner.st_gid)


def test_a_model_server_is_missing(stack: Deployment) -> None:
    """It is asked for from the container, where its address means the host."""
    with added(stack, "MODEL_Q2_FAST_1_URL=http://host.docker.internal:9"):
        found = red(stack)["model MODEL_Q2_FAST_1_URL"]
    assert "host.docker.internal:9 cannot be reached" in found
    assert "Connection refused" in found


def test_a_model_server_on_the_host_answers(stack: Deployment) -> None:
    """Where it listens for containers, it is green and writes the answers."""
    gateway = stack.engine.docker("network", "inspect", "bridge", "--format", GATEWAY).strip()
    server = ModelServer()
    with serving(server.app(), gateway) as url:
        port = url.rpartition(":")[2]
        with added(stack, f"MODEL_Q2_FAST_1_URL=http://host.docker.internal:{port}"):
            stack.up()
            assert findings(stack)["model MODEL_Q2_FAST_1_URL"]["state"] == "green"
            with stack.client() as client:
                text = {"title": "Parrots", "text": "The parrot is blue."}
                client.post("/api/documents", json=text).raise_for_status()
                answer = client.post("/api/query", json={"question": "What is the parrot?"}).json()
    stack.up()
    assert server.asked
    assert answer["text"] == "The parrot is blue [1]."
    assert answer["model"]


@contextmanager
def added(stack: Deployment, line: str) -> Iterator[None]:
    """Let .env have a further line while the block runs."""
    settings = stack.folder / ".env"
    kept = settings.read_text()
    settings.write_text(f"{kept}{line}\n")
    try:
        yield
    finally:
        settings.write_text(kept)


def test_the_page_is_away(stack: Deployment) -> None:
    """Its container is gone, and with it the one port: the API, its page of documentation, the page."""
    stack.compose("rm", "--force", "--stop", "frontend")
    try:
        found = red(stack)
        assert "container frontend" in found
        assert "no port of the page is published" in found["page"]
    finally:
        stack.up()


def test_the_backend_is_away(stack: Deployment) -> None:
    """Docker says so of its container; the rest of the checklist is gone through all the same.

    What nginx wrote of a request meanwhile is an error in its log: amber, with the line.
    """
    stack.compose("kill", "backend")
    try:
        asked = httpx.get(f"http://127.0.0.1:{stack.ports['SYNAPSE_PORT']}/api/login", trust_env=False)
        assert asked.status_code in (502, 504)
        found = red(stack)
        assert "exited" in found["container backend"]
        assert "backend" in found
        log = findings(stack)["log synapse_frontend"]
        assert (log["state"], "backend" in log["reason"]) == ("amber", True), log
    finally:
        stack.compose("start", "backend")
        wait_until(lambda: not red(stack), "all is well again")


def test_the_backend_hangs(stack: Deployment) -> None:
    """Docker calls it healthy still: the checklist asks for itself, and does not hang with it."""
    wait_until(lambda: stack.healthy("synapse_backend"), "it is healthy")
    first = stack.started("synapse_backend")
    for pid in stack.pids("synapse_backend"):
        os.kill(pid, signal.SIGSTOP)
    found = red(stack)
    assert "backend" in found, found
    wait_until(lambda: stack.started("synapse_backend") != first, "it is started again", 120)
    wait_until(lambda: not red(stack), "all is well again", 120)


def test_a_memory_limit_is_removed(stack: Deployment) -> None:
    """A container that may take all memory is red."""
    changed = stack.folder / "tests" / "stack" / "quick.yml"
    kept = changed.read_text()
    override = "    deploy: !reset null\n"
    changed.write_text(kept.replace("    ports: [", f"{override}    ports: ["))
    try:
        stack.up()
        assert "no limit of memory" in red(stack)["limits synapse_backend"]
    finally:
        changed.write_text(kept)
        stack.up()
    wait_until(lambda: not red(stack), "all is well again")


def test_a_port_is_taken(stack: Deployment) -> None:
    """The container that could not be started says whose port it wanted."""
    stack.compose("rm", "--force", "--stop", "frontend")
    with answering(b"") as port:
        kept = (stack.folder / ".env").read_text()
        taken = kept.replace(f"SYNAPSE_PORT={stack.ports['SYNAPSE_PORT']}", f"SYNAPSE_PORT={port}")
        (stack.folder / ".env").write_text(taken)
        try:
            assert stack.compose("up", "--detach", "--no-build", "frontend", check=False).returncode
            found = red(stack)
        finally:
            (stack.folder / ".env").write_text(kept)
    assert "already" in found["container frontend"]
    assert str(port) in found["container frontend"]
    stack.compose("rm", "--force", "--stop", "frontend")
    stack.up()
    wait_until(lambda: not red(stack), "all is well again")


def test_the_form_that_runs_is_not_the_one_that_is_named(stack: Deployment) -> None:
    """The next `up` would make another stack of it."""
    with added(stack, f"COMPOSE_FILE={':'.join(DEVELOPMENT)}"):
        assert "names development" in red(stack)["form"]
    assert "form" not in red(stack)


def test_a_container_shows_a_secret(stack: Deployment) -> None:
    """A line of .env that `docker inspect` would show: red, with the name and never the value."""
    with added(stack, "PAYMENT_TOKEN=do-not-tell"):
        stack.up()
        found = red(stack)["secrets"]
    stack.up()
    assert "PAYMENT_TOKEN of synapse_backend" in found
    assert "do-not-tell" not in found
    wait_until(lambda: not red(stack), "all is well again")


def test_the_data_disk_is_full(stack: Deployment) -> None:
    """Writes would be lost: red at once."""
    data = Path(stack.rendered()["services"]["backend"]["volumes"][0]["source"])
    stuffing = fill_up(data)
    try:
        assert "full" in red(stack)["data folder"]
    finally:
        stuffing.unlink()
    wait_until(lambda: not red(stack), "all is well again")


def test_backup_and_restore_from_the_host(stack: Deployment) -> None:
    """The commands on the host are run in the ops container; their codes and their data come through."""
    fill(stack, keys=500)
    before = held(stack)
    done = stack.synapse("backup", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["proof"]["good"]
    with stack.redis() as client:
        client.delete("key:1", "hash")
    with stack.client() as client:
        client.delete("/api/documents/document-1").raise_for_status()
    assert held(stack) != before
    assert stack.synapse("restore", "nothing-like-it", "--yes").returncode == 3
    done = stack.synapse("restore", "latest", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"]
    assert held(stack) == before
    shutil.rmtree(stack.folder / "files", ignore_errors=True)
    done = stack.synapse("restore", "latest", "--into", "files")
    assert done.returncode == 0, done.stderr
    assert (stack.folder / "files" / "redis" / "appendonlydir").is_dir()
