"""A running server is captured over the wire, at one moment, and the capture boots to the same data."""

import shutil
import threading
from pathlib import Path

import pytest

from pipelines.ops.capture.redis_wire import RedisWireCapture, capture_redis
from pipelines.ops.redis import aof
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import differences, digest
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.stream import CommandSplitter
from tests.capturing import booted, captured_digest
from tests.dataset import Writer, assert_prefix, fill, rewriting
from tests.servers import PROGRAMS, LiveServer, checked, info, live_server
from tests.waiting import wait_until


def test_every_type_comes_back(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """Two captures of a server that stands still agree, as does a capture of a server booted on one."""
    fill(live, small_keys=20_000, big_value=64 << 20)
    first = capture_redis(live.address, tmp_path / "one")
    again = captured_digest(live, scratch, tmp_path / "two")
    with booted(first, scratch, reachable="127.0.0.1") as copy:
        expected = digest(copy.database)
        from_copy = capture_redis(copy.address, tmp_path / "three")
    assert differences(expected, again) == ()
    with booted(from_copy, scratch) as second_copy:
        assert differences(expected, digest(second_copy.database)) == ()
    assert expected.databases.keys() == {"0", "3", "15"}


@pytest.mark.skipif("redis" not in PROGRAMS or "valkey" not in PROGRAMS, reason="needs both families")
def test_redis_boots_on_valkey(scratch: Scratch, tmp_path: Path) -> None:
    """What Redis 7.0 wrote has the same digest on Valkey 9."""
    with live_server(PROGRAMS["redis"], tmp_path / "live") as server:
        fill(server)
        captured = capture_redis(server.address, tmp_path / "spool")
    with booted(captured, scratch) as own:
        assert own.program.version.family == "redis"
        expected = digest(own.database)
    with booted(captured, scratch, program=PROGRAMS["valkey"]) as other:
        assert differences(expected, digest(other.database)) == ()


def test_capture_under_full_speed_writes(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """It is a prefix of the writes with all that was acknowledged before it began; the checker accepts it."""
    fill(live, small_keys=200_000)
    with Writer(live.client()) as writer:
        wait_until(lambda: writer.acknowledged > 1000, "the writer is at full speed")
        acknowledged = writer.acknowledged
        with RedisWireCapture(live.address, tmp_path / "spool") as capture:
            capture.wait_for_copy()
            copied = writer.acknowledged
            wait_until(lambda: writer.acknowledged > copied + 2000, "writes go on behind the copy")
            captured = capture.cut()
    assert writer.failure is None
    if live.program.version.family == "redis":  # Valkey 9's checker does not know its own RDB mark
        checked(live.program, captured.folder / aof.MANIFEST)
    with booted(captured, scratch) as copy:
        assert assert_prefix(copy.client, acknowledged) >= copied + 2000


@pytest.mark.parametrize("count", [5, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_captures_under_rewrites(live: LiveServer, scratch: Scratch, tmp_path: Path, count: int) -> None:
    """Back-to-back BGREWRITEAOF, full-speed writes: every capture boots, with what was acknowledged."""
    with rewriting(live.client()), Writer(live.client()) as writer:
        for number in range(count):
            acknowledged = writer.acknowledged
            captured = capture_redis(live.address, tmp_path / f"spool-{number}")
            with booted(captured, scratch) as copy:
                assert_prefix(copy.client, acknowledged)
            shutil.rmtree(captured.folder)
    assert writer.failure is None


def test_two_captures_at_once(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """Both are whole."""
    fill(live)
    with (
        Writer(live.client()) as writer,
        RedisWireCapture(live.address, tmp_path / "one") as one,
        RedisWireCapture(live.address, tmp_path / "two") as two,
    ):
        one.wait_for_copy()
        two.wait_for_copy()
        wait_until(lambda: writer.acknowledged > 500, "writes arrive")
        acknowledged = writer.acknowledged
        cuts = [one.cut(), two.cut()]
    for captured in cuts:
        with booted(captured, scratch) as copy:
            assert_prefix(copy.client, acknowledged)


def test_wait_of_others_is_not_satisfied(live: LiveServer, tmp_path: Path) -> None:
    """A capture is no replica that keeps data: WAIT must not count it."""
    with live.client() as client, RedisWireCapture(live.address, tmp_path / "spool") as capture:
        capture.wait_for_copy()
        client.set("key", "value")
        assert call(client, "WAIT", 1, 1500) == 0
        assert info(client, "replication")["connected_slaves"] == 1


def test_time_notes_cut_to_a_second(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """`redis-check-aof --truncate-to-timestamp` cuts a capture at a second of its notes."""
    with live.client() as client, RedisWireCapture(live.address, tmp_path / "spool") as capture:
        capture.wait_for_copy()
        client.set("early", 1)
        began = int(client.time()[0])
        wait_until(lambda: int(client.time()[0]) > began + 1, "two seconds pass")
        client.set("late", 1)
        captured = capture.cut()
    notes = [line for line in _increment(captured.folder).split(b"\r\n") if line.startswith(b"#TS:")]
    assert len(notes) == 2
    # Valkey's checker does not know its own RDB mark: it is given the increment, which it cuts as well.
    part = aof.MANIFEST if live.program.version.family == "redis" else aof.INCREMENT
    checked(live.program, captured.folder / part, "--truncate-to-timestamp", notes[0][4:].decode())
    with live_server(live.program, captured.folder) as plain, plain.client() as client:
        assert client.keys() == [b"early"]


def test_disk_based_copies_are_taken_too(program: ServerProgram, scratch: Scratch, tmp_path: Path) -> None:
    """A server that saves its RDB to disk first announces its size instead of a mark."""
    with live_server(program, tmp_path / "live", "repl-diskless-sync no") as server:
        fill(server, small_keys=10_000)
        digests = [captured_digest(server, scratch, tmp_path / name) for name in ("one", "two")]
    assert differences(*digests) == ()


def test_a_capture_given_up_hangs_up_at_once(live: LiveServer, tmp_path: Path) -> None:
    """Closing does not wait for the copy's end."""
    with live.client() as client:
        client.config_set("rdb-key-save-delay", 1000)
        client.mset({f"key:{number}": number for number in range(100_000)})
        capture = RedisWireCapture(live.address, tmp_path / "spool")
        closing = threading.Thread(target=lambda: capture.__exit__(None, None, None))
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
        client.config_set("rdb-key-save-delay", 0)


def test_transactions_are_never_split(live: LiveServer, tmp_path: Path) -> None:
    """The increment of a cut amid transactions ends outside of them, its notes of time too."""
    with Writer(live.client()), RedisWireCapture(live.address, tmp_path / "spool") as capture:
        capture.wait_for_copy()
        captured = capture.cut()
    splitter = CommandSplitter(lambda _data: None)
    splitter.feed(_increment(captured.folder))
    assert splitter.clean


def _increment(folder: Path) -> bytes:
    return (folder / aof.INCREMENT).read_bytes()
