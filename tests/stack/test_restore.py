"""Backup and restore of the stack in containers, each one command: destroyed, moved, refused, killed."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from app.stores.index.layout import restore_marker
from pipelines.ops.backup import take_backup
from pipelines.ops.cli.backup import redis_capture
from pipelines.ops.redis.connection import call
from tests.installation import work_on
from tests.servers import PROGRAMS, live_server
from tests.stack.compose import compose_command
from tests.stack.deployment import Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.running import HOLDERS, Writer, add, destroy, held, stack
from tests.waiting import wait_until

__all__ = ["stack"]


def test_backed_up_under_load_destroyed_and_restored(stack: Deployment) -> None:
    """Volume and data folder are gone; one command brings every key, document and turn back."""
    before = held(stack)
    with Writer(stack) as writer:
        report = json.loads(stack.ops("backup", "--json"))
        acknowledged = len(writer.keys)
    assert report["proof"]["good"]
    assert acknowledged
    destroy(stack)
    stack.up(*HOLDERS)
    with stack.redis() as client:
        assert not client.dbsize()
    done = json.loads(stack.ops("restore", "latest", "--yes", "--json"))
    assert done["done"]
    assert held(stack) == before


def test_restored_into_the_running_stack_under_load(stack: Deployment) -> None:
    """Nothing acknowledged after the restore is lost; what was there before is a safety point."""
    stack.ops("backup")
    before = held(stack)
    with stack.client() as client:
        add(client, "later")
    with stack.redis() as client:
        client.set("later", 1)
    with Writer(stack) as writer:
        done = json.loads(stack.ops("restore", "latest", "--yes", "--json"))
        settled = (max(writer.keys, default=0), max(writer.documents, default=0))
        wait_until(lambda: max(writer.documents) > settled[1], "writes come through again")
    assert held(stack) == before
    keys, documents = writer.missing()
    assert not [number for number in keys if number > settled[0]]
    assert not [number for number in documents if number > settled[1]]
    stack.ops("restore", done["safety"], "--yes")
    assert "later" in held(stack)[1]
    assert b"later" in held(stack)[0]


def test_from_a_folder_of_another_machine(stack: Deployment, docker: Engine, tmp_path: Path) -> None:
    """A copied repository is restored into an empty stack elsewhere, by naming its folder."""
    stack.ops("backup")
    before = held(stack)
    stack.compose("down", "--timeout", "3", "--volumes")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(stack.folder / "backups", other / "from elsewhere")
    subprocess.run(["chown", "-R", "1000:1000", other / "from elsewhere"], check=True)
    with deployed(docker, other, stack.files) as made:
        made.up(*HOLDERS)
        made.ops("restore", "latest", "--yes", more={"BACKUPS_DIR": "./from elsewhere"})
        assert held(made) == before
    stack.up(*HOLDERS)
    stack.ops("restore", "latest", "--yes")


def test_a_point_of_a_newer_server(stack: Deployment, tmp_path: Path) -> None:
    """The server of the stack cannot load it: refused, what is needed is named, nothing is touched."""
    if "valkey" not in PROGRAMS:
        pytest.skip("no newer server on this machine")
    stack.ops("backup")
    before = held(stack)
    with live_server(PROGRAMS["valkey"], tmp_path / "server") as server:
        with server.client() as client:
            client.hset("hash", mapping={"stays": "1", "ends": "2"})
            call(client, "HPEXPIRE", "hash", 10**9, "FIELDS", 1, "ends")
        (tmp_path / "newer").mkdir()
        work = work_on(tmp_path / "newer", server)
        take_backup(work, redis=redis_capture(work, None), faiss=None)
    subprocess.run(["chown", "-R", "1000:1000", tmp_path / "newer"], check=True)
    newer = {"BACKUPS_DIR": f"{tmp_path}/newer/repository"}
    said = stack.ops("restore", "latest", "--yes", code=3, more=newer)
    assert "hand it to redis" in said
    assert held(stack) == before


@pytest.mark.parametrize("after", [1.0, 1.8, 2.4])
def test_a_killed_restore(stack: Deployment, after: float) -> None:
    """Killed at some moment: the next command finishes or undoes it, and the target takes writes."""
    stack.ops("backup")
    old = held(stack)
    with stack.redis() as client:
        client.set(f"later:{after}", 1)
    new = held(stack)
    assert new != old
    files = [part for name in stack.files for part in ("-f", name)]
    command = [*compose_command(), *files, "run", "--rm", "-T", "--name", "killed", "ops"]
    process = subprocess.Popen(
        [*command, "restore", "latest", "--yes"],
        cwd=stack.folder,
        env=dict(stack.engine.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        stack.engine.docker("kill", "--signal", signal.SIGKILL.name, "killed", check=False)
    process.wait(60)
    stack.ops("backup")
    assert held(stack) in (old, new)
    assert not restore_marker(stack.folder / "data").exists()
    with stack.redis() as client:
        assert client.set("writable", 1)
    with stack.client() as client:
        add(client, f"writable-{after}")
