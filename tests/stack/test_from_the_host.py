"""`synapse` on the host brings the stack in containers back: running, empty, or from plain files."""

import json
import shutil
import subprocess
from pathlib import Path

from app.stores.index.layout import DATABASE, indexes_root
from tests.stack.deployment import Deployment
from tests.stack.running import HOLDERS, add, destroy, held, restart_redis, stack
from tests.stack.standins import NAMES

__all__ = ["stack"]

REDIS_USER, SERVICE_USER = "999:999", "1000:1000"


def synapse(stack: Deployment, *arguments: str) -> str:
    """Run a command that must end well; return its stdout."""
    done = stack.synapse(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_into_the_running_stack(stack: Deployment) -> None:
    """The commands are run in the ops container; their codes and their data come through."""
    before = held(stack)
    assert json.loads(synapse(stack, "backup", "--json"))["proof"]["good"]
    with stack.redis() as client:
        client.delete("key:1", "hash")
    with stack.client() as client:
        client.delete("/api/documents/document-1").raise_for_status()
    assert held(stack) != before
    assert stack.synapse("restore", "nothing-like-it", "--yes").returncode == 3
    assert json.loads(synapse(stack, "restore", "latest", "--yes", "--json"))["done"]
    assert held(stack) == before
    restart_redis(stack)
    assert held(stack) == before


def test_into_an_empty_stack(stack: Deployment) -> None:
    """Volume and data folder are gone; all is back, and on the disk."""
    before = held(stack)
    synapse(stack, "backup")
    destroy(stack)
    stack.up(*HOLDERS)
    with stack.redis() as client:
        assert not client.dbsize()
    assert json.loads(synapse(stack, "restore", "latest", "--yes", "--json"))["done"]
    assert held(stack) == before
    restart_redis(stack)
    assert held(stack) == before


def test_into_a_folder(stack: Deployment) -> None:
    """A point, while the stack has gone on, as plain files: an empty stack that is given them serves it."""
    before = held(stack)
    point = json.loads(synapse(stack, "backup", "--json"))["point"]
    with stack.client() as client:
        add(client, "later")
    with stack.redis() as client:
        client.set("later", 1)
    present = held(stack)
    synapse(stack, "restore", point, "--into", "files")
    assert held(stack) == present != before
    destroy(stack)
    lay(stack, stack.folder / "files")
    stack.up(*HOLDERS)
    assert held(stack) == before


def lay(stack: Deployment, files: Path) -> None:
    """Give plain files to a stack that is down and empty: the AOF to Redis, the documents to the backend."""
    stack.compose("create", "redis")
    subprocess.run(["chown", "-R", REDIS_USER, files / "redis"], check=True)
    volumes = ("--volume", f"{files}/redis:/files:ro", "--volume", "synapse_redis_data:/data")
    copy = ("--entrypoint", "cp", NAMES["redis"], "--archive", "/files/.", "/data")
    stack.engine.docker("run", "--rm", "--user", "0:0", *volumes, *copy)
    data = stack.folder / "data"
    for collection in (files / "faiss").iterdir():
        assert (collection / DATABASE).is_file()
        home = indexes_root(data) / collection.name
        shutil.copytree(collection, home / "laid")
        (home / "current").write_text("laid")
    subprocess.run(["chown", "-R", SERVICE_USER, data], check=True)
