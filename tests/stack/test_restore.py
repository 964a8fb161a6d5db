"""Backup and restore of the stack in containers, each one command: destroyed, moved, refused, killed."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.stores.index.layout import restore_marker
from pipelines.ops.backup import take_backup
from pipelines.ops.cli.backup import redis_capture
from pipelines.ops.redis.connection import call
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore.journal import Journal
from tests.installation import work_on
from tests.servers import PROGRAMS, live_server
from tests.stack.deployment import Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.restoring import restoring
from tests.stack.running import HOLDERS, Writer, add, destroy, held, restart_redis, stack
from tests.unchecked import not_checked
from tests.waiting import wait_until

__all__ = ["stack"]


def test_backed_up_under_load_destroyed_and_restored(stack: Deployment) -> None:
    """Volume and data folder are gone; one command brings every key, document and turn back."""
    before = held(stack)
    with Writer(stack) as writer:
        wait_until(lambda: len(writer.keys) > 50 and len(writer.documents) > 5, "writes go through")
        keys, documents = list(writer.keys), list(writer.documents)
        report = json.loads(stack.ops("backup", "--json"))
    assert report["proof"]["good"]
    assert max(writer.keys) > keys[-1]
    destroy(stack)
    stack.up(*HOLDERS)
    with stack.redis() as client:
        assert not client.dbsize()
    done = json.loads(stack.ops("restore", "latest", "--yes", "--json"))
    assert done["done"]
    assert held(stack) == before
    missing = writer.missing()
    assert not {*missing[0]} & {*keys}
    assert not {*missing[1]} & {*documents}
    restart_redis(stack)
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
    restart_redis(stack)
    assert held(stack) == before
    stack.ops("restore", done["safety"], "--yes")
    assert "later" in held(stack).documents
    assert b"later" in held(stack).keys


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
        restart_redis(made)
        assert held(made) == before
    stack.up(*HOLDERS)
    stack.ops("restore", "latest", "--yes")


def test_a_point_of_a_newer_server(stack: Deployment, tmp_path: Path) -> None:
    """The server of the stack cannot load it: refused, what is needed is named, nothing is touched."""
    if "valkey" not in PROGRAMS:
        not_checked("a point of a newer server, this machine has no Valkey")
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
    said = stack.ops("restore", "latest", "--yes", code=6, more=newer)
    assert "hand it to redis" in said
    assert held(stack) == before


STAGES: dict[str, Callable[[Journal], bool]] = {
    "begun": lambda _journal: True,
    "safe": lambda journal: journal.safety is not None,
    "compared": lambda journal: journal.compared,
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_restore(stack: Deployment, stage: str) -> None:
    """Killed once its journal tells of a stage: the next command ends it and says how; writes go through."""
    stack.ops("backup")
    point = held(stack)
    with stack.redis() as client:
        client.set(f"later:{stage}", 1)
    with stack.client() as client:
        add(client, f"later-{stage}")
    present = held(stack)
    assert present != point
    left = _killed_at(stack, STAGES[stage])
    assert STAGES[stage](left)
    said = stack.compose("run", "--rm", "-T", "ops", "backup").stderr
    ended = re.findall(r"An interrupted restore was found and (finished|undone)\.", said)
    assert len(ended) == 1, said
    expected = point if ended == ["finished"] else present
    assert held(stack) == expected
    restart_redis(stack)
    assert held(stack) == expected
    # One that had not asked Redis to swap has nothing to finish, one that has compared nothing to undo.
    if left.compared or left.safety is None:
        assert ended == ["finished" if left.compared else "undone"]
    assert not restore_marker(stack.folder / "data").exists()
    with stack.redis() as client:
        assert client.set("writable", 1)
    with stack.client() as client:
        add(client, f"writable-{stage}")


def _killed_at(stack: Deployment, reached: Callable[[Journal], bool]) -> Journal:
    """Begin a restore and kill it when its journal tells of a stage; return the journal that it leaves."""
    with restoring(stack) as begun:
        begun.come_to(lambda: (journal := begun.journal()) and reached(journal))
        begun.kill()
    left = journals.read(stack.folder / "data")
    assert left is not None
    return left
