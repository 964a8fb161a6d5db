"""A scratch server trusts nothing, harms nothing, and leaves nothing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

from pipelines.ops.errors import DamagedError, OpsError
from pipelines.ops.redis.boot import Scratch, boot
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.handshake import command
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.scratch import ScratchServer
from tests.laying import lay, rdb_of, source
from tests.waiting import wait_until

_NOBODY = 65534
_PARENT = """
import sys
from pathlib import Path
from pipelines.ops.redis.programs import identify
from pipelines.ops.redis.scratch import ScratchServer

with ScratchServer(identify(Path(sys.argv[1])), Path(sys.argv[2])) as server:
    print(server._process.pid, flush=True)
    sys.stdin.read()
"""


def test_it_dies_with_its_parent(program: ServerProgram, tmp_path: Path) -> None:
    """After kill -9 of whoever started it nothing is left running."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(program.path), str(tmp_path / "folder")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        assert _alive(server)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not _alive(server), "the scratch server is gone")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_it_runs_unprivileged(program: ServerProgram, tmp_path: Path) -> None:
    """As nobody, with no way to new rights, even below a folder that nobody can enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with ScratchServer(program, closed / "folder") as server:
        status = Path(f"/proc/{server._process.pid}/status").read_text()
        assert f"Uid:\t{_NOBODY}\t{_NOBODY}\t{_NOBODY}" in status
        assert "NoNewPrivs:\t1" in status
        assert f"Groups:\t{_NOBODY}" in status or "Groups:\t \n" in status or "Groups:\t\n" in status
        assert (closed / "folder").stat().st_mode & 0o777 == 0o700


def test_long_paths(program: ServerProgram, tmp_path: Path) -> None:
    """A unix socket's path may be far too long to bind or to connect to by name."""
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    with ScratchServer(program, folder) as server, server.database(3) as client:
        assert client.set("key", "value")


def test_two_at_once(program: ServerProgram, tmp_path: Path) -> None:
    """Each has its own data, password and port."""
    with (
        ScratchServer(program, tmp_path / "one", reachable="127.0.0.1") as one,
        ScratchServer(program, tmp_path / "two", reachable="127.0.0.1") as two,
    ):
        one.client.set("key", "one")
        assert two.client.get("key") is None
        assert one.password != two.password
        assert one.address.port != two.address.port
        assert one.password not in Path(f"/proc/{one._process.pid}/cmdline").read_text()


def test_it_has_no_command_but_data(program: ServerProgram, tmp_path: Path, scratch: Scratch) -> None:
    """What could dial out, write elsewhere or change rights is not there at all."""
    lay(tmp_path / "folder", rdb_of(program, tmp_path / "rdb", {"key": "value"}))
    with boot(source(), tmp_path / "folder", program, scratch) as server:
        assert server.client.get("key") == b"value"
        for harmful in (
            ("REPLICAOF", "127.0.0.1", "1"),
            ("SLAVEOF", "127.0.0.1", "1"),
            ("MIGRATE", "127.0.0.1", "1", "key", "0", "10"),
            ("CONFIG", "SET", "dir", "/tmp"),
            ("SAVE",),
            ("BGREWRITEAOF",),
            ("ACL", "SETUSER", "x", "on", "nopass", "+@all"),
            ("MODULE", "LIST"),
            ("SHUTDOWN",),
            ("CLUSTER", "MEET", "127.0.0.1", "1"),
            ("FAILOVER",),
        ):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                call(server.client, *harmful)


def test_memory_is_bounded(program: ServerProgram, tmp_path: Path) -> None:
    """Data that needs more is refused for that reason, and is not called damaged."""
    scratch = Scratch((program,), tmp_path, memory=128 << 20)
    lay(tmp_path / "folder", rdb_of(program, tmp_path / "rdb", {}), command("SET", "big", bytes(100 << 20)))
    with (
        pytest.raises(OpsError, match="more memory") as caught,
        boot(source(), tmp_path / "folder", program, scratch),
    ):
        pass
    assert not isinstance(caught.value, DamagedError)


def test_a_program_that_nobody_may_run(program: ServerProgram, tmp_path: Path) -> None:
    """It is said which, and no handle is left open."""
    copy = tmp_path / "server"
    copy.write_bytes(program.path.read_bytes())
    copy.chmod(0o600)
    with pytest.raises(OpsError, match=str(copy)):
        ScratchServer(ServerProgram(copy, program.version), tmp_path / "folder")


def test_nothing_is_left(program: ServerProgram, tmp_path: Path) -> None:
    """After closing, the process is gone and its descriptors are closed; booting leaves no folder behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    server = ScratchServer(program, tmp_path / "folder")
    with server:
        process = server._process.pid
    assert not _alive(process)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    lay(tmp_path / "again", rdb_of(program, tmp_path / "rdb", {}))
    root = tmp_path / "root"
    root.mkdir()
    with boot(source(), tmp_path / "again", program, Scratch((program,), root)):
        pass
    assert list(root.iterdir()) == []


def test_it_is_started_from_another_thread(program: ServerProgram, tmp_path: Path) -> None:
    """It lives as long as the thread that made it, which must therefore be the one that uses it."""
    found: list[bytes] = []

    def use() -> None:
        with ScratchServer(program, tmp_path / "folder") as server:
            server.client.set("key", "value")
            found.append(call(server.client, "GET", "key"))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [b"value"]


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
