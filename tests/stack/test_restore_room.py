"""Backup and restore in containers without room: on each of the three disks, and in the memory of Redis."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.disks import fill_up, small_disk
from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.stack.running import HOLDERS, Held, add, fill, held, holders, restart_redis
from tests.waiting import wait_until

MEGABYTE = 1 << 20


@contextmanager
def on_a_small_disk(engine: Engine, root: Path, variable: str) -> Iterator[tuple[Path, Deployment]]:
    """Run Redis and the backend with the folder that a variable names on a disk of 8 MB; give both."""
    with (
        small_disk(root / "small", "size=8m,mode=777") as disk,
        holders(engine, root, f"{variable}={disk}") as stack,
    ):
        yield disk, stack


def test_a_full_disk(docker: Engine, tmp_path: Path) -> None:
    """The data disk has no room for the documents: refused before anything is touched."""
    with on_a_small_disk(docker, tmp_path, "DATA_DIR") as (disk, stack):
        fill(stack, documents=30)
        stack.ops("backup")
        before = held(stack)
        stuffing = fill_up(disk, leave=20_000)
        said = stack.ops("restore", "latest", "--yes", code=6)
        assert "bytes free" in said
        stuffing.unlink()
        assert held(stack) == before


@pytest.mark.parametrize(("megabytes", "fits"), [(150, True), (200, False)])
def test_a_full_redis_is_restored_or_refused(
    docker: Engine, tmp_path: Path, megabytes: int, *, fits: bool
) -> None:
    """Its 512 MB never kill it: what would not fit beside 250 MB of old data is refused untouched."""
    with holders(docker, tmp_path) as stack:
        fill(stack, keys=megabytes * 1000 // 10, size=9_900, documents=1)
        point = json.loads(stack.ops("backup", "--no-verify", "--json"))["point"]
        kept, first = held(stack), stack.inspect("synapse_redis")
        for options in ((), ("--force",)):
            present = _full(stack)
            assert present != kept
            said = stack.ops("restore", point, "--yes", *options, code=0 if fits else 6)
            assert fits or "the target may use" in said
            assert held(stack) == (kept if fits else present)
        last = stack.inspect("synapse_redis")
        assert not last["State"]["OOMKilled"]
        assert last["State"]["StartedAt"] == first["State"]["StartedAt"]
        assert last["RestartCount"] == first["RestartCount"]
        restart_redis(stack)
        assert held(stack) == (kept if fits else present)


def _full(stack: Deployment) -> Held:
    """Fill Redis up, change a key and add a document; return what the stack holds then."""
    with stack.redis() as client:
        client.set("key:0", "changed")
        number = 0
        while client.info("memory")["used_memory"] < 245 * MEGABYTE:
            number += 1
            client.set(f"full:{number}", b"x" * 90_000)
    with stack.client() as service:
        add(service, f"later-{secrets.token_hex(4)}")
    return held(stack)


def test_a_full_repository(docker: Engine, tmp_path: Path) -> None:
    """No backup, and no restore without its safety point; what was kept stays good, and room mends it."""
    with on_a_small_disk(docker, tmp_path, "BACKUPS_DIR") as (disk, stack):
        fill(stack, documents=10)
        kept = json.loads(stack.ops("backup", "--json"))["point"]
        with stack.redis() as client:
            client.mset({f"later:{number}": os.urandom(1000) for number in range(2000)})
        present = held(stack)
        stuffing = fill_up(disk, leave=200_000)
        for arguments in (("backup",), ("restore", "latest", "--yes")):
            said = stack.ops(*arguments, code=1)
            assert "No space left" in said, said
            assert ("Or add --force to restore without one." in said) == (arguments[0] == "restore")
            assert held(stack) == present
        assert json.loads(stack.ops("verify", kept, "--level", "1", "--json"))["proofs"][0]["good"]
        stuffing.unlink()
        assert json.loads(stack.ops("backup", "--json"))["proof"]["good"]
        stack.ops("restore", kept, "--yes")
        assert held(stack) != present


def test_a_full_volume_of_redis(docker: Engine, tmp_path: Path) -> None:
    """The target cannot write the new data down: the old is back, also on its disk, and room mends it."""
    with small_disk(tmp_path / "small", "size=24m,mode=777") as disk:
        volume = {"type": "none", "o": "bind", "device": str(disk)}
        (tmp_path / "small.yml").write_text(
            json.dumps({"volumes": {"synapse_redis_data": {"driver_opts": volume}}})
        )
        with deployed(docker, tmp_path, (*QUICK, "small.yml")) as stack:
            stack.up(*HOLDERS)
            fill(stack, keys=50_000, documents=3)
            stack.ops("backup", "--no-verify")
            with stack.redis() as client:
                client.delete(*client.scan_iter("key:*", count=10_000))
                client.bgrewriteaof()
                wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "it is short")
            with stack.client() as client:
                add(client, "later")
            present = held(stack)
            stuffing = fill_up(disk, leave=1_000_000)
            said = stack.ops("restore", "latest", "--yes", code=1)
            assert "could not write the data into its AOF" in said, said
            stuffing.unlink()
            assert held(stack) == present
            restart_redis(stack)
            assert held(stack) == present
            stack.ops("restore", "latest", "--yes")
            assert "later" not in held(stack).documents
