"""A Redis that refuses replication is saved key by key: each whole, and it is said that it is no moment."""

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ops.capture.redis_keys import NOT_ONE_MOMENT, capture_keys
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.boot import Scratch, boot, count_problems, program_for
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import differences, digest
from tests.capturing import captured_digest
from tests.dataset import Writer, fill
from tests.disks import small_disk
from tests.servers import LiveServer, checked
from tests.waiting import wait_until

RIGHTS = ("~*", "+info", "+ping", "+scan", "+dump", "+pexpiretime", "+select", "+function|dump", "+role")


def _without_replication(server: LiveServer, *rights: str) -> None:
    with server.client() as client:
        call(client, "ACL", "SETUSER", "backup", "on", ">secret", *rights)


def test_every_type_of_a_server_that_refuses_psync(
    live: LiveServer, scratch: Scratch, tmp_path: Path
) -> None:
    """The refusal names the way; what that way saves boots, and its digest is that of the server."""
    fill(live, small_keys=10_000)
    expected = captured_digest(live, scratch, tmp_path / "expected")
    _without_replication(live, *RIGHTS)
    address = replace(live.address, username="backup", password="secret")
    with pytest.raises(UnreachableError):
        capture_redis(address, tmp_path / "refused")
    captured = capture_keys(address, tmp_path / "keys")
    source = captured.source(())
    assert NOT_ONE_MOMENT in source.notes
    assert source.way == "keys"
    assert source.databases
    assert sum(count.keys for count in source.databases.values()) > 10_000
    assert source.rdb_version is not None
    if live.program.version.family == "redis":
        checked(live.program, captured.folder / "appendonlydir" / "appendonly.aof.manifest")
    with boot(source, captured.folder, program_for(source, scratch), scratch) as server:
        assert count_problems(source, server) == ()
        assert differences(expected, digest(server.database)) == ()


def test_keys_that_change_meanwhile(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """Each key is whole as it once was, none is there twice, and what stood still is all there."""
    fill(live)
    with Writer(live.client()) as writer:
        wait_until(lambda: writer.acknowledged > 500, "writes arrive")
        captured = capture_keys(live.address, tmp_path / "keys")
    assert writer.failure is None
    source = captured.source(())
    with boot(source, captured.folder, program_for(source, scratch), scratch) as server:
        order = [int(number) for number in server.client.lrange("order", 0, -1)]
        assert order == list(range(order[0], order[0] + len(order)))
        assert server.client.llen("list") == 3000
        assert count_problems(source, server) == ()


def test_functions_that_cannot_be_dumped_are_named(live: LiveServer, tmp_path: Path) -> None:
    """A server that refuses FUNCTION DUMP gives a point that says so."""
    _without_replication(live, *(right for right in RIGHTS if right != "+function|dump"))
    captured = capture_keys(replace(live.address, username="backup", password="secret"), tmp_path / "keys")
    assert any("functions are not in this point" in note for note in captured.notes)


def test_a_disk_that_is_full(live: LiveServer, tmp_path: Path) -> None:
    """It is the disk that is named, not the server."""
    with live.client() as client:
        client.set("big", secrets.token_bytes(4 << 20))
    with (
        small_disk(tmp_path / "small", "size=1m") as disk,
        pytest.raises(OpsError, match="No space left") as caught,
    ):
        capture_keys(live.address, disk / "keys")
    assert "SYNAPSE_SCRATCH_DIR" in caught.value.hint
