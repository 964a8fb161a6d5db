"""`synapse doctor` on the host against the stack in containers: red where something is broken."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.doubles import ModelServer, serving
from tests.disks import fill_up, small_disk
from tests.servers import answering
from tests.stack.deployment import DEVELOPMENT, QUICK, Deployment, deployed
from tests.stack.engine import Engine
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
        # The health check asks with the file's; the backend keeps the one that it was started with.
        wait_until(partial(unhealthy, stack, "synapse_redis"), "Docker calls Redis unhealthy")
        lines = findings(stack)
        assert (lines["container redis"]["state"], lines["backend: redis"]["state"]) == ("red", "green")
        assert "WRONGPASS" in lines["container redis"]["reason"]
    finally:
        (stack.folder / "secrets" / "redis_password").write_text(kept)
        well_again(stack)


def well_again(stack: Deployment) -> None:
    """Wait until Docker calls every container healthy, and then until no line is red."""
    for name in ("redis", "backend", "frontend"):
        wait_until(partial(stack.healthy, f"synapse_{name}"), f"{name} is healthy")
    wait_until(lambda: not red(stack), "all is well again")


def test_the_backend_was_started_with_a_wrong_password(stack: Deployment) -> None:
    """Its own line says so, `/health` answers 503 with the reason, and Docker calls both unhealthy."""
    kept, restarted = stack.password, restarts(stack)
    (stack.folder / "secrets" / "redis_password").write_text("another-password-than-that")
    try:
        stack.compose("restart", "--no-deps", "--timeout", "5", "backend")
        for name in ("synapse_redis", "synapse_backend"):
            wait_until(partial(unhealthy, stack, name), f"Docker calls {name} unhealthy")
        found = red(stack)
        assert "it cannot serve (503)" in found["backend"]
        assert "does not accept the password" in found["backend: redis"]
        assert "answers 503" in found["container backend"]
        assert "WRONGPASS" in found["container redis"]
        with stack.client() as client:
            answer = client.get("/health")
        told = {one["name"]: one for one in answer.json()["dependencies"]}
        assert (answer.status_code, told["redis"]["state"]) == (503, "down")
        assert "does not accept the password" in told["redis"]["reason"]
        # A restart would not mend it: neither is started again by its health check.
        assert restarts(stack) == restarted
    finally:
        (stack.folder / "secrets" / "redis_password").write_text(kept)
        stack.compose("restart", "--no-deps", "--timeout", "5", "backend")
        well_again(stack)


def unhealthy(stack: Deployment, container: str) -> bool:
    """Say whether Docker calls a container unhealthy: not healthy, and not starting either."""
    return bool(stack.inspect(container)["State"]["Health"]["Status"] == "unhealthy")


def restarts(stack: Deployment) -> list[int]:
    """Return how often Docker has started Redis and the backend again, as their health checks have it do."""
    return [int(stack.inspect(f"synapse_{name}")["RestartCount"]) for name in ("redis", "backend")]


def test_a_lost_password_is_made_anew_as_its_words_say(stack: Deployment) -> None:
    """Its file was emptied: what `make secrets` says to type makes all well again, with the same data."""
    with stack.redis() as client:
        client.set("kept", "yes")
    first = stack.password
    (stack.folder / "secrets" / "redis_password").write_text("")
    done = subprocess.run(
        ["sh", "deploy/first-start.sh"], cwd=stack.folder, capture_output=True, text=True, check=True
    )
    assert stack.password not in {"", first}
    said = re.search(r"redis_password was lost.*: docker compose (up .*)", done.stderr)
    assert said, done.stderr
    assert "redis" in red(stack)
    stack.compose(*said[1].split())
    with stack.redis() as client:
        assert client.get("kept") == b"yes"
    well_again(stack)


def test_the_index_folder_is_unreadable(stack: Deployment) -> None:
    """The backend says that it may not read it, and that its user must be let in."""
    with put_away(indexes(stack), mode=0o700):
        found = wait_until_red(stack, "backend: index")
        assert "Permission denied" in found, found
        assert str(indexes(stack).name) in found
        assert "Let the user of the service read it" in found
        assert "lost its pointer" not in found
    wait_until(lambda: not red(stack), "all is well again")


def test_the_index_folder_is_gone(stack: Deployment) -> None:
    """The backend says that what it served is missing, which no right to read would bring back."""
    with put_away(indexes(stack), mode=0o755):
        found = wait_until_red(stack, "backend: index")
        assert "has lost its pointer" in found, found
        assert "synapse restore" in found
        assert "ermission" not in found
    wait_until(lambda: not red(stack), "all is well again")


def indexes(stack: Deployment) -> Path:
    """Return the folder of the indexes on this machine."""
    data = stack.rendered()["services"]["backend"]["volumes"][0]["source"]
    return Path(data) / "faiss_indexes"


def wait_until_red(stack: Deployment, line: str) -> str:
    """Return the reason of a line when it is red."""
    wait_until(lambda: line in red(stack), f"{line} is red")
    return red(stack)[line]


@contextmanager
def put_away(folder: Path, *, mode: int) -> Iterator[None]:
    """Have an empty folder of root's, with that mode, in the place of another while the block runs."""
    beside = folder.with_name("put-away")
    folder.rename(beside)
    folder.mkdir()
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.rmdir()
        beside.rename(folder)


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
    """Its container is gone, and with it the port of the page: these two lines, and no other."""
    stack.compose("rm", "--force", "--stop", "frontend")
    try:
        found = red(stack)
        assert found.keys() == {"container frontend", "page"}
        assert "it is not there" in found["container frontend"]
        assert "no port of the page is published" in found["page"]
    finally:
        stack.up()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('prefix="/api/docs"', 'prefix="/api/elsewhere"', "/api/docs answers 404: "),
        ('_sent(_here() / "index.html"', '_sent(_here() / "none.html"', "/api/docs answers 500: "),
    ],
    ids=["not there", "broken"],
)
def test_the_page_of_the_api_is_broken(stack: Deployment, old: str, new: str, reason: str) -> None:
    """Nothing else is: the one line `docs` is red, with the address, what it answers and where to look."""
    source = stack.folder / "app" / "api" / "docs.py"
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    overlaid = "    volumes: [./app/api/docs.py:/app/app/api/docs.py:ro]\n"
    try:
        with edited(stack.folder / "tests/stack/quick.yml", "    ports: [", f"{overlaid}    ports: ["):
            stack.up()
            found = red(stack)
            assert found.keys() == {"docs"}
            assert reason in found["docs"]
            assert findings(stack)["docs"]["remedy"] == "Look at the log of the backend."
    finally:
        source.write_text(text)
        stack.up()
    wait_until(lambda: not red(stack), "all is well again")


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Let a file say something else while the block runs."""
    kept = path.read_text()
    assert old in kept
    path.write_text(kept.replace(old, new))
    try:
        yield
    finally:
        path.write_text(kept)


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
    override = "    deploy: !reset null\n"
    try:
        with edited(stack.folder / "tests/stack/quick.yml", "    ports: [", f"{override}    ports: ["):
            stack.up()
            assert "no limit of memory" in red(stack)["limits synapse_backend"]
    finally:
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
            found = findings(stack)["container frontend"]
        finally:
            (stack.folder / ".env").write_text(kept)
    assert (found["state"], "already" in found["reason"]) == ("red", True), found
    assert str(port) in found["reason"]
    assert f"SYNAPSE_PORT={port}" in found["remedy"]
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


@pytest.mark.parametrize(("folder", "line"), [("backups", "repository"), ("data", "data folder")])
def test_a_folder_that_the_containers_may_not_write(stack: Deployment, folder: str, line: str) -> None:
    """Root, who runs the checklist, may write there: red all the same, and the remedy makes it well again."""
    place = stack.folder / "backups" if folder == "backups" else indexes(stack).parent
    mode = place.stat().st_mode & 0o7777
    subprocess.run(["chown", "-R", "0:0", place], check=True)
    place.chmod(0o755)
    try:
        found = findings(stack)[line]
        assert (found["state"], "whose user is 1000:1000" in found["reason"]) == ("red", True), found
        typed = found["remedy"].partition(", or set")[0].removeprefix("sudo ")
        assert typed.startswith("chown -R 1000:1000 ")
        subprocess.run(typed.split(), cwd=stack.folder, check=True)
        assert line not in red(stack)
    finally:
        subprocess.run(["chown", "-R", "1000:1000", place], check=True)
        place.chmod(mode)
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
