"""Captures that break off, servers that refuse, and AOF folders that are damaged or hostile."""

import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from pipelines.ops.capture.redis_wire import ATTEMPTS, RedisWireCapture, capture_redis
from pipelines.ops.errors import DamagedError, OpsError, UnreachableError
from pipelines.ops.redis import aof
from pipelines.ops.redis.boot import Scratch, boot
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.handshake import command
from pipelines.ops.redis.programs import ServerProgram
from tests.dataset import Writer
from tests.disks import small_disk
from tests.laying import lay, rdb_of, source
from tests.servers import LiveServer, live_server, started_again
from tests.waiting import wait_until

_KEYS = 20_000
_SLOW = ("rdb-key-save-delay", 200)
"""Microseconds for each key: a copy of the keys below takes some seconds."""


def _filled(server: LiveServer, *, slow: bool) -> None:
    with server.client() as client:
        client.mset({f"key:{number}": "value" * 20 for number in range(_KEYS)})
        if slow:
            client.config_set(*_SLOW)


@pytest.mark.parametrize("part", ["copy", "stream"])
def test_redis_is_killed(live: LiveServer, tmp_path: Path, part: str) -> None:
    """In the copy or in the stream behind it: the capture says which, and never becomes a restore point."""
    _filled(live, slow=part == "copy")
    with RedisWireCapture(live.address, tmp_path / "spool") as capture:
        if part == "copy":
            rdb = tmp_path / "spool" / "capture.rdb"
            wait_until(rdb.exists, "the copy begins")
        else:
            capture.wait_for_copy()
        live.kill()
        with pytest.raises(UnreachableError):
            _finish(capture)
    assert not (tmp_path / "spool" / aof.MANIFEST).exists()


def test_redis_is_killed_and_gone(live: LiveServer, tmp_path: Path) -> None:
    """A drop is tried again; a server that is away by then is the reason given."""
    _filled(live, slow=True)
    rdb = tmp_path / "spool" / "attempt-1" / "capture.rdb"

    def kill_once_it_copies() -> None:
        wait_until(rdb.exists, "the copy begins")
        live.kill()

    killer = threading.Thread(target=kill_once_it_copies)
    killer.start()
    with pytest.raises(UnreachableError, match="cannot be reached"):
        capture_redis(live.address, tmp_path / "spool")
    killer.join()
    assert not rdb.exists()


def test_the_output_buffer_limit_is_named(live: LiveServer, tmp_path: Path) -> None:
    """A server that drops each try is told apart: after the last one the error names its limit."""
    _filled(live, slow=True)
    with live.client() as client:
        call(client, "CONFIG", "SET", "client-output-buffer-limit", "replica 1mb 1mb 1")
        call(client, "CONFIG", "SET", "repl-backlog-size", "16384")
    with Writer(live.client(), payload=bytes(1 << 16)), pytest.raises(UnreachableError) as caught:
        capture_redis(live.address, tmp_path / "spool")
    assert "ended the capture's" in caught.value.what
    assert "client-output-buffer-limit" in caught.value.hint
    assert re.search(r"(replica|slave) 1048576 1048576 1", caught.value.hint)
    assert list((tmp_path / "spool").iterdir()) == []
    assert live.log().count("Full resync requested") == ATTEMPTS


def test_a_refused_psync(program: ServerProgram, tmp_path: Path) -> None:
    """Some services have renamed it: the other ways to capture are named."""
    with (
        live_server(program, tmp_path / "live", 'rename-command PSYNC ""') as server,
        pytest.raises(UnreachableError) as caught,
    ):
        capture_redis(server.address, tmp_path / "spool")
    assert "refuses replication" in caught.value.what
    assert "--aof-folder" in caught.value.hint


def test_a_server_that_is_loading(live: LiveServer, tmp_path: Path) -> None:
    """It is said that it loads, and that later is the time."""
    _filled(live, slow=False)
    with live.client() as client:
        client.bgrewriteaof()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the AOF is rewritten")
        client.shutdown(nosave=True)
    live.process.wait()
    slowly = ("key-load-delay 500", "loading-process-events-interval-bytes 1024")
    with started_again(live, *slowly) as again:
        wait_until(lambda: _loads(again), "the server loads")
        with pytest.raises(UnreachableError, match=r"LOADING|loading") as caught:
            capture_redis(again.address, tmp_path / "spool")
    assert "Try again" in caught.value.hint


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of one megabyte."""
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.mark.parametrize("part", ["copy", "stream"])
def test_the_disk_of_the_spool_is_full(live: LiveServer, full_disk: Path, part: str) -> None:
    """The disk is named, not Redis, which did nothing wrong."""
    if part == "copy":
        _filled(live, slow=False)
        with live.client() as client:
            client.mset({f"noise:{number}": secrets.token_bytes(500) for number in range(5000)})
    with pytest.raises(OpsError) as caught, RedisWireCapture(live.address, full_disk / "spool") as capture:
        _finish(capture, lambda: _write_much(live))
    assert not isinstance(caught.value, UnreachableError)
    assert str(full_disk) in caught.value.what
    assert "No space left" in caught.value.what
    assert "SYNAPSE_SCRATCH_DIR" in caught.value.hint


@dataclass(slots=True)
class _Listener:
    """A port that nobody may connect to."""

    port: int
    callers: int = 0


@pytest.fixture
def listener() -> Iterator[_Listener]:
    """Listen, and count who connects."""
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        found = _Listener(int(waiting.getsockname()[1]))

        def count() -> None:
            with suppress(OSError):
                while True:
                    waiting.accept()[0].close()
                    found.callers += 1

        thread = threading.Thread(target=count)
        thread.start()
        yield found
        waiting.shutdown(socket.SHUT_RDWR)
        thread.join()


def _hostile(port: int) -> dict[str, bytes]:
    """Return increments that no server may be started on."""
    there = ("127.0.0.1", str(port))
    good = command("SELECT", "0") + command("SET", "a", "1")
    plain = {
        "replicaof": command("REPLICAOF", *there),
        "slaveof, small letters": command("slaveof", *there),
        "config set": command("CONFIG", "SET", "dir", "/tmp"),
        "acl setuser": command("ACL", "SETUSER", "evil", "on", "nopass", "+@all"),
        "migrate": command("MIGRATE", *there, "a", "0", "1000"),
        "shutdown": command("SHUTDOWN", "NOSAVE"),
        "debug": command("DEBUG", "SLEEP", "100"),
        "eval": command("EVAL", "while true do end", "0"),
        "fcall": command("FCALL", "f", "0"),
        "module": command("MODULE", "LOAD", "/tmp/evil.so"),
        "cluster": command("CLUSTER", "MEET", *there),
        "pfdebug": command("PFDEBUG", "GETREG", "a"),
        "nested": command("MULTI") + command("REPLICAOF", *there) + command("EXEC"),
        "garbage": b"\x00\xff" * 100,
        "inline": b"REPLICAOF 127.0.0.1 %d\r\n" % port,
        "in a note": b"#\n*3\n$9\nREPLICAOF\n\n$9\n127.0.0.1\n\n$%d\n%d\r\n" % (len(str(port)), port),
        "a long note": b"#" + b"x" * 126 + command("REPLICAOF", *there),
        "overflowing count": b"*4294967299\r\n" + command("REPLICAOF", *there)[4:],
        "no length": b"*3\r\n$-1\r\n",
    }
    whole = {name: good + data for name, data in plain.items()}
    return whole | {"truncated": good[:-4], "open transaction": good + command("MULTI")}


@pytest.mark.parametrize("name", _hostile(1))
def test_a_hostile_increment(
    program: ServerProgram, scratch: Scratch, tmp_path: Path, listener: _Listener, name: str
) -> None:
    """It is refused before any server starts on it."""
    folder = lay(tmp_path / "point", _rdb(program, tmp_path), _hostile(listener.port)[name])
    with pytest.raises(DamagedError), boot(source(), folder, program, scratch):
        pass
    assert not (folder / "scratch.log").exists()
    assert listener.callers == 0


def _bases(rdb: bytes, port: int) -> dict[str, tuple[bytes, str]]:
    """Return bases that are damaged or hostile, with a part of what is said of them."""
    there = ("127.0.0.1", str(port))
    middle = len(rdb) // 2
    return {
        "an AOF as base": (command("REPLICAOF", *there), "no RDB"),
        "commands behind the end": (rdb + command("SELECT", "0") + command("REPLICAOF", *there), "REPLICAOF"),
        "a key sent away behind the end": (rdb + command("MIGRATE", *there, "key:1", "0", "10"), "MIGRATE"),
        "truncated": (rdb[:middle], "Unexpected EOF|Short read"),
        "a flipped bit": (rdb[:middle] + bytes([rdb[middle] ^ 1]) + rdb[middle + 1 :], "does not start"),
        "empty": (b"", "no RDB"),
        "garbage": (b"x" * 1000, "no RDB"),
        "nothing but the mark": (b"REDIS", "does not start"),
    }


@pytest.mark.parametrize("name", _bases(b"12", 1))
def test_a_hostile_or_damaged_base(
    program: ServerProgram, scratch: Scratch, tmp_path: Path, listener: _Listener, name: str
) -> None:
    """The server's own words are the reason, and it has dialled nobody."""
    base, said = _bases(_rdb(program, tmp_path), listener.port)[name]
    folder = lay(tmp_path / "point", base)
    with pytest.raises(DamagedError, match=said), boot(source(), folder, program, scratch):
        pass
    assert listener.callers == 0


def test_a_manifest_that_names_another_file(
    program: ServerProgram, scratch: Scratch, tmp_path: Path, listener: _Listener
) -> None:
    """Whatever lies in the folder may be named by its manifest, so all of it is vetted."""
    manifest = "file appendonly.aof.1.base.rdb seq 1 type b\nfile innocent.txt seq 1 type i\n"
    folder = lay(tmp_path / "point", _rdb(program, tmp_path), manifest=manifest)
    (folder / aof.FOLDER / "innocent.txt").write_bytes(command("REPLICAOF", "127.0.0.1", str(listener.port)))
    with (
        pytest.raises(DamagedError, match=r"innocent\.txt.*REPLICAOF"),
        boot(source(), folder, program, scratch),
    ):
        pass
    assert listener.callers == 0


def _finish(capture: RedisWireCapture, meanwhile: Callable[[], None] = lambda: None) -> None:
    capture.wait_for_copy()
    meanwhile()
    capture.cut()


def _write_much(server: LiveServer) -> None:
    with server.client() as client:
        client.set("big", bytes(4 << 20))


def _rdb(program: ServerProgram, folder: Path) -> bytes:
    return rdb_of(program, folder / "rdb", {f"key:{number}": f"value {number}" for number in range(500)})


def _loads(server: LiveServer) -> bool:
    with suppress(redis.RedisError), server.client() as client:
        return bool(client.info("persistence")["loading"])
    return False
