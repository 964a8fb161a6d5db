"""Captures of live AOF folders boot on a real server and hold every write acknowledged before them."""

import os
import shutil
from pathlib import Path

import pytest

from pipelines.ops.capture.aof_arranged import CapturedAof
from pipelines.ops.capture.aof_folder import SETTLE, capture_aof_folder
from pipelines.ops.errors import DamagedError, NothingError, OpsError, UsageError
from pipelines.ops.redis.programs import ServerProgram
from tests.dataset import Writer, assert_prefix, rewriting
from tests.ops.capture.servers import PROGRAMS, check, rewrite, running
from tests.servers import live_server
from tests.waiting import wait_until

AOF = ("--appendonly", "yes", "--appendfsync", "no")
NOTES = ("--aof-timestamp-enabled", "yes")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> ServerProgram:
    """Run on each server program of this machine."""
    return PROGRAMS[request.param]


@pytest.fixture
def one_program() -> ServerProgram:
    """Return any server program."""
    return next(iter(PROGRAMS.values()))


def capture(folder: Path, spool: Path, *, settle: float = 0) -> CapturedAof:
    """Capture from a server that puts each write into the file before it answers."""
    return capture_aof_folder(folder, spool, settle=settle)


def test_live_folder(tmp_path: Path, program: ServerProgram) -> None:
    """A capture names its server and boots with base and increment."""
    with running(program, tmp_path / "live", *AOF, *NOTES) as client:
        client.set("base", "1")
        rewrite(client)
        client.set("increment", "2")
        captured = capture(tmp_path / "live", tmp_path / "copy")
    assert captured.header
    assert f"{captured.header.server} {captured.header.server_version}" == str(program.version)
    assert [name for name, _ in captured.files] == [
        "appendonlydir/appendonly.aof.1.base.rdb",
        "appendonlydir/appendonly.aof.1.incr.aof",
        "appendonlydir/appendonly.aof.manifest",
    ]
    check(program, captured.files[-1][1], tmp_path / "bin")
    with running(program, tmp_path / "copy", *AOF) as client:
        assert client.mget("base", "increment") == [b"1", b"2"]


@pytest.mark.parametrize("count", [5, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(0)])])
def test_under_rewrites_and_writes(tmp_path: Path, program: ServerProgram, count: int) -> None:
    """Captures under rewrites without a pause and writes at full speed, with what was acknowledged."""
    with (
        live_server(program, tmp_path / "live", "aof-timestamp-enabled yes") as server,
        rewriting(server.client()),
        Writer(server.client()) as writer,
    ):
        wait_until(lambda: writer.acknowledged > 100, "the writer is at full speed")
        for number in range(count):
            before = writer.acknowledged
            spool = tmp_path / f"copy{number}"
            captured = capture(tmp_path / "live", spool)
            assert_holds(program, spool, captured, before)
            shutil.rmtree(spool)
    assert writer.failure is None


def test_everysec(tmp_path: Path, one_program: ServerProgram) -> None:
    """With the stack's own fsync setting a capture waits until acknowledged writes are in the file."""
    with (
        live_server(one_program, tmp_path / "live", "appendfsync everysec") as server,
        Writer(server.client()) as writer,
    ):
        wait_until(lambda: writer.acknowledged > 100, "the writer is at full speed")
        before = writer.acknowledged
        captured = capture(tmp_path / "live", tmp_path / "copy", settle=SETTLE)
    assert_holds(one_program, tmp_path / "copy", captured, before)


def test_stopped_server_with_a_cut_off_end(tmp_path: Path, program: ServerProgram) -> None:
    """What a power loss left of the last command, or of a transaction, is cut off and noted."""
    with running(program, tmp_path / "live", *AOF) as client:
        client.set("kept", "1")
    (increment,) = (tmp_path / "live").glob("appendonlydir/*.incr.aof")
    with increment.open("ab") as file:
        file.write(b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\nlost\r\n$1\r\n1\r\n*1\r\n$4\r\nEX")
    captured = capture(tmp_path / "live", tmp_path / "copy")
    assert "the last 55 bytes were no whole command" in captured.notes[0]
    with running(program, tmp_path / "copy", *AOF, "--aof-load-truncated", "no") as client:
        assert client.keys() == [b"kept"]


def test_there_is_no_single_file(tmp_path: Path, program: ServerProgram) -> None:
    """Trap 1: these servers have no appendonly.aof in the data folder."""
    with running(program, tmp_path / "live", *AOF) as client:
        client.set("a", "1")
        assert not (tmp_path / "live" / "appendonly.aof").exists()
        assert (tmp_path / "live" / "appendonlydir" / "appendonly.aof.manifest").exists()


def test_old_file_beside_is_ignored(tmp_path: Path, program: ServerProgram) -> None:
    """Trap 2: an AOF laid beside appendonlydir is silently ignored by the server; the capture says so."""
    with running(program, tmp_path / "live", *AOF) as client:
        client.set("new", "1")
    old = tmp_path / "live" / "appendonly.aof"
    old.write_bytes(b"*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$1\r\n1\r\n")
    with running(program, tmp_path / "live", *AOF) as client:
        assert client.keys() == [b"new"]
    captured = capture(tmp_path / "live", tmp_path / "copy")
    assert captured.notes == (f"{old} is not in this point: Redis 7 ignores it beside appendonlydir",)


def test_rdb_under_appendonly_starts_empty(tmp_path: Path, program: ServerProgram) -> None:
    """Trap 3: a dump.rdb put under `appendonly yes` is not loaded, and is then overwritten."""
    with running(program, tmp_path / "live") as client:
        client.set("saved", "1")
        client.save()
    with running(program, tmp_path / "live", *AOF) as client:
        assert client.dbsize() == 0
        client.save()
    with running(program, tmp_path / "live") as client:
        assert client.dbsize() == 0


def test_upgraded_server(tmp_path: Path, program: ServerProgram) -> None:
    """A server started on an old file with commands behind its RDB keeps it as base: captured and booted."""
    with running(program, tmp_path / "first", *AOF) as client:
        client.set("rdb", "1")
        rewrite(client)
    (base,) = (tmp_path / "first").glob("appendonlydir/*.base.rdb")
    live = tmp_path / "live"
    live.mkdir()
    tail = b"*3\r\n$3\r\nSET\r\n$4\r\ntail\r\n$1\r\n1\r\n"
    (live / "appendonly.aof").write_bytes(base.read_bytes() + tail)
    with running(program, live, *AOF) as client:
        client.set("now", "1")
        captured = capture(live, tmp_path / "copy")
    assert captured.notes == ()
    assert len(captured.files) == 4
    with running(program, tmp_path / "copy", *AOF) as client:
        assert sorted(client.keys()) == [b"now", b"rdb", b"tail"]


def test_base_of_commands(tmp_path: Path, program: ServerProgram) -> None:
    """A server that writes its base as commands is captured too."""
    options = (*AOF, "--aof-use-rdb-preamble", "no", *NOTES)
    with running(program, tmp_path / "live", *options) as client:
        client.set("base", "1")
        rewrite(client)
        client.set("increment", "1")
        captured = capture(tmp_path / "live", tmp_path / "copy")
    assert captured.header is None
    with running(program, tmp_path / "copy", *options) as client:
        assert sorted(client.keys()) == [b"base", b"increment"]


def test_other_names(tmp_path: Path, program: ServerProgram) -> None:
    """Names set in the configuration, quoted in the manifest, become canonical ones."""
    with running(
        program, tmp_path / "live", *AOF, "--appendfilename", "my data.aof", "--appenddirname", "logs"
    ) as client:
        client.set("a", "1")
        capture(tmp_path / "live", tmp_path / "copy")
        capture(tmp_path / "live" / "logs", tmp_path / "again")
    with running(program, tmp_path / "copy", *AOF) as client:
        assert client.keys() == [b"a"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay a small multi-part AOF by hand."""
    folder = tmp_path / "live" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "a.1.incr.aof").write_bytes(b"*1\r\n$7\r\nFLUSHDB\r\n")
    (folder / "a.manifest").write_text("file a.1.incr.aof seq 1 type i\n")
    return folder


def test_missing_part(tmp_path: Path, folder: Path) -> None:
    """A part that the manifest names and that is not there is damage."""
    (folder / "a.1.incr.aof").unlink()
    with pytest.raises(DamagedError, match="is missing"):
        capture(folder, tmp_path / "copy")


def test_link_is_not_followed(tmp_path: Path, folder: Path) -> None:
    """A part that is a link could lead anywhere."""
    (folder / "a.1.incr.aof").unlink()
    (folder / "a.1.incr.aof").symlink_to("/etc/passwd")
    with pytest.raises(OpsError, match="cannot be copied"):
        capture(folder, tmp_path / "copy")


def test_fifo_does_not_hang(tmp_path: Path, folder: Path) -> None:
    """Nor does a part that is no file."""
    (folder / "a.1.incr.aof").unlink()
    os.mkfifo(folder / "a.1.incr.aof")
    with pytest.raises(DamagedError, match="no plain file"):
        capture(folder, tmp_path / "copy")


def test_damaged_increment(tmp_path: Path, folder: Path) -> None:
    """Broken bytes within the commands are named."""
    with (folder / "a.1.incr.aof").open("ab") as file:
        file.write(b"\0" * 100)
    with pytest.raises(DamagedError, match="17 are no command"):
        capture(folder, tmp_path / "copy")


def test_cut_part_before_the_last(tmp_path: Path, folder: Path) -> None:
    """Only the last file may end inside a command."""
    (folder / "a.2.incr.aof").write_bytes(b"*1\r\n$7\r\nFLUSHDB\r\n")
    (folder / "a.1.incr.aof").write_bytes(b"*1\r\n$7\r\nFLU")
    (folder / "a.manifest").write_text("file a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n")
    with pytest.raises(DamagedError, match="another file follows it"):
        capture(folder, tmp_path / "copy")


def test_nothing_there(tmp_path: Path, folder: Path) -> None:
    """Without a manifest the error says what is there instead, and what to type."""
    with pytest.raises(NothingError, match="no folder"):
        capture(tmp_path / "none", tmp_path / "copy")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "appendonly.aof").touch()
    with pytest.raises(NothingError, match="synapse import"):
        capture(tmp_path / "old", tmp_path / "copy")
    (folder / "b.manifest").touch()
    with pytest.raises(UsageError, match="several"):
        capture(tmp_path / "live", tmp_path / "copy")


def assert_holds(program: ServerProgram, spool: Path, captured: CapturedAof, acknowledged: int) -> None:
    """Boot a capture: every write so far is in it, with no gap, and transactions are whole."""
    check(program, captured.files[-1][1], spool / "bin")
    with running(program, spool, *AOF, "--aof-load-truncated", "no") as copy:
        assert_prefix(copy, acknowledged)
