"""What a restore refuses, it refuses before anything is touched, with a sentence and a remedy."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from app.stores.index.layout import restore_marker
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, NothingError, OpsError, RefusedError, UnreachableError
from pipelines.ops.model import RedisDigest
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.digest import differences
from pipelines.ops.redis.programs import installed_programs
from pipelines.ops.redis.reach import on_this_machine, own_address
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.plan import RestorePlan
from tests.disks import fill_up, small_disk
from tests.installation import folder_of
from tests.ops.capture.examples import documents, open_docs
from tests.ops.restore.stack import Stack, stack
from tests.ports import free_port
from tests.servers import answering
from tests.waiting import wait_until

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Seen:
    """All that a refused restore must leave as it is."""

    digest: RedisDigest | None
    state: tuple[str, list[str], dict[str, str]]
    files: list[tuple[str, int]]


def seen(one: Stack, work: Context, *, digest: bool = True) -> Seen:
    """Look at the server, and at the files of the data folder but for locks."""
    files = [
        (str(path.relative_to(work.data_dir)), path.stat().st_size)
        for path in sorted(work.data_dir.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    ]
    return Seen(one.digest(work) if digest else None, one.state(), files)


@contextmanager
def untouched(one: Stack, work: Context) -> Iterator[None]:
    """Check that what the block refuses changes nothing, and leaves nothing in the scratch folder."""
    before = seen(one, work)
    yield
    after = seen(one, work)
    assert before.digest
    assert after.digest
    assert differences(before.digest, after.digest) == ()
    assert (after.state, after.files) == (before.state, before.files)
    assert not [path.name for path in work.scratch.root.glob("synapse-spool-*")]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stack]:
    """Run a server with a collection beside it."""
    with stack(tmp_path / "stack", "redis") as made:
        index = open_docs(made.root / "data")
        index.add(documents("d", 20))
        index.close()
        with made.client() as client:
            client.mset({f"old:{number}": os.urandom(1000) for number in range(2000)})
        yield made


def later(one: Stack) -> None:
    """Write what a point does not have."""
    with one.client() as client:
        client.set("later", 1)


@pytest.mark.parametrize("megabytes", [3, 5])
def test_a_scratch_disk_without_room(one: Stack, tmp_path: Path, megabytes: int) -> None:
    """Room for the point alone is not enough: it is read back from the target, and the old data is kept."""
    point = one.backup(one.work())
    later(one)
    with small_disk(tmp_path / "small", f"size={megabytes}m") as disk:
        work = one.work(SYNAPSE_SCRATCH_DIR=str(disk))
        with untouched(one, one.work()), pytest.raises(RefusedError, match="bytes free") as caught:
            restore(work, point)
        assert str(disk) in caught.value.what
        assert "SYNAPSE_SCRATCH_DIR" in caught.value.hint


def test_a_data_disk_without_room(tmp_path: Path) -> None:
    """The documents would not fit beside those that are there."""
    with (
        small_disk(tmp_path / "stack" / "data", "size=4m") as disk,
        stack(tmp_path / "stack", "redis") as one,
    ):
        work = one.work()
        index = open_docs(work.data_dir)
        index.add(documents("d", 1000))
        index.close()
        point = one.backup(work)
        stuffing = fill_up(disk, leave=100_000)
        with untouched(one, work), pytest.raises(RefusedError, match="bytes free") as caught:
            restore(work, point)
        assert str(disk) in caught.value.what
        stuffing.unlink()
        assert restore(work, point)


def test_a_disk_that_fills_up_meanwhile(one: Stack, tmp_path: Path) -> None:
    """Whatever step it hits, the old data is there afterwards; with room again the restore goes well."""
    point = one.backup(one.work())
    later(one)
    hit: set[str] = set()
    with small_disk(tmp_path / "small", "size=40m") as disk:
        work = one.work(SYNAPSE_SCRATCH_DIR=str(disk))
        for leave in (100_000, 2 * MEGABYTE + 300_000, 3 * MEGABYTE, 4 * MEGABYTE + 400_000):

            def fill(_plan: object, leave: int = leave) -> bool:
                fill_up(disk, leave=leave)
                return True

            with untouched(one, one.work()), pytest.raises(OpsError) as caught:
                restore(work, point, agreed=fill)
            assert "No space left" in caught.value.what or "disk of its folder is full" in caught.value.what
            assert caught.value.hint
            hit.add(caught.value.what)
            (disk / "stuffing").unlink()
        assert len(hit) > 1, hit
        assert restore(work, point)


def test_a_repository_without_room_for_the_safety_point(one: Stack, tmp_path: Path) -> None:
    """It is full when what is there is to be kept: nothing is touched, and the remedies are two."""
    with small_disk(tmp_path / "kept", "size=24m") as disk:
        work = one.work(SYNAPSE_REPOSITORY=str(disk))
        point = one.backup(work)
        later(one)
        with one.client() as client:
            client.mset({f"later:{number}": os.urandom(1000) for number in range(4000)})
        stuffing = fill_up(disk, leave=1_000_000)
        with untouched(one, work), pytest.raises(OpsError, match="No safety point can be kept") as caught:
            restore(work, point)
        assert "--force" in caught.value.hint
        stuffing.unlink()
        assert restore(work, point)


def test_the_disk_of_the_target_is_full(tmp_path: Path) -> None:
    """The new data cannot be written into its AOF, so the old data is put back."""
    with (
        small_disk(tmp_path / "stack" / "server", "size=24m") as disk,
        stack(tmp_path / "stack", "redis") as one,
    ):
        work = one.work()
        with one.client() as client:
            client.mset({f"old:{number}": os.urandom(1000) for number in range(4000)})
        point = one.backup(work)
        with one.client() as client:
            client.flushall()
            client.set("later", 1)
            client.bgrewriteaof()
            wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "rewritten")
        expected = one.digest(work)
        fill_up(disk, leave=MEGABYTE)
        with pytest.raises(OpsError, match=r"could not write .* AOF\. The old data is back") as caught:
            restore(work, point)
        assert "disk" in caught.value.hint
        assert differences(expected, one.digest(work)) == ()
        with one.client() as client:
            assert client.info("replication")["role"] == "master"
            assert client.set("writable", 1)


def test_only_a_server_newer_than_the_target(tmp_path: Path) -> None:
    """A scratch server that writes what the target cannot read is not made its master."""
    with stack(tmp_path / "stack", "redis") as one:
        point = one.backup(one.work())
        later(one)
        work = one.work()
        newer = [program for program in installed_programs() if program.version.family == "valkey"]
        limited = Context(
            work.settings, work.repository, Scratch(newer, work.scratch.root), work.watch, work.now
        )
        with untouched(one, work), pytest.raises(RefusedError, match="hand it to redis") as caught:
            restore(limited, point)
        assert "SYNAPSE_REDIS_SERVER" in caught.value.hint


@pytest.mark.parametrize("damage", ["missing", "flipped"])
def test_a_damaged_object(one: Stack, damage: str) -> None:
    """It is found before the target is touched, running or stopped."""
    work = one.work()
    point = one.backup(work)
    later(one)
    victim = max((folder_of(work.settings) / "objects").rglob("*"), key=lambda path: path.stat().st_size)
    if damage == "missing":
        victim.unlink()
    else:
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.chmod(0o600)
        victim.write_bytes(content)
    with untouched(one, work), pytest.raises(DamagedError) as caught:
        restore(work, point)
    assert victim.name[:12] in caught.value.what
    assert caught.value.hint
    stopped = one.work(REDIS_PORT=str(free_port()))
    stopped.settings.redis_folder.mkdir()
    with untouched(one, work), pytest.raises(DamagedError):
        restore(stopped, point)


def test_a_redis_of_elsewhere_that_is_down_just_now(one: Stack) -> None:
    """It would come back with what it had, beside the documents of the point: refused, nothing is touched."""
    work = one.work()
    point = one.backup(work)
    later(one)
    down = one.work(REDIS_PORT=str(free_port()))
    with untouched(one, work), pytest.raises(RefusedError, match="does not answer") as caught:
        restore(down, point)
    assert "synapse up" in caught.value.hint
    assert not work.settings.redis_folder.exists()


def test_a_repository_that_cannot_be_written(one: Stack, tmp_path: Path) -> None:
    """No safety point could be kept: said before the pause, and with --force it is not needed."""
    point = one.backup(one.work())
    later(one)
    with small_disk(tmp_path / "copy", "size=40m") as disk:
        shutil.copytree(folder_of(one.work().settings), disk / "backups")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        work = one.work(SYNAPSE_REPOSITORY=str(disk / "backups"))
        with untouched(one, one.work()), pytest.raises(RefusedError, match="No safety point") as caught:
            restore(work, point)
        assert "--force" in caught.value.hint
        assert restore(work, point, force=True)


@pytest.mark.parametrize("place", ["redis", "faiss_indexes", "redis/deep/er"])
def test_a_repository_inside_what_is_replaced(one: Stack, place: str) -> None:
    """The restore would move its own source away."""
    work = one.work()
    point = one.backup(work)
    inside = work.data_dir / place / "backups"
    shutil.copytree(folder_of(work.settings), inside)
    moved = one.work(SYNAPSE_REPOSITORY=str(inside))
    with untouched(one, work), pytest.raises(RefusedError, match="inside") as caught:
        restore(moved, point)
    assert "SYNAPSE_REPOSITORY" in caught.value.hint


def test_no_such_point(one: Stack) -> None:
    """It is said, and what there is can be listed."""
    work = one.work()
    one.backup(work)
    with untouched(one, work), pytest.raises(NothingError) as caught:
        restore(work, "feedbeef")
    assert "synapse points" in caught.value.hint


def test_a_folder_that_is_not_empty(one: Stack, tmp_path: Path) -> None:
    """Nobody's files are mixed with those of a point, or replaced."""
    work = one.work()
    point = one.backup(work)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with untouched(one, work), pytest.raises(RefusedError, match="not an empty folder"):
        restore(work, point, into=folder)
    assert [path.name for path in folder.iterdir()] == ["mine"]


def _hangs(one: Stack) -> Callable[[], object]:
    assert one.process
    os.kill(one.process.pid, signal.SIGSTOP)
    process = one.process
    return lambda: os.kill(process.pid, signal.SIGCONT)


def _loads(one: Stack) -> Callable[[], object]:
    """Start the server again, slowly: only what was rewritten is loaded key by key."""
    with one.client() as client:
        client.bgrewriteaof()
        wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "it is rewritten")
    one.kill()
    one.extra = ("key-load-delay 1000", "loading-process-events-interval-bytes 1024")
    one.start_loading()
    wait_until(lambda: _is_loading(one), "it loads")
    return lambda: wait_until(one.answers, "it has loaded")


def _is_loading(one: Stack) -> bool:
    try:
        with one.client() as client:
            return bool(client.ping()) and False
    except redis.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False


@pytest.mark.parametrize("state", [_hangs, _loads])
def test_a_server_that_does_not_answer_yet_is_not_taken_for_stopped(
    one: Stack, state: Callable[[Stack], Callable[[], object]]
) -> None:
    """Its files are not replaced under it: one that hangs or loads is neither running nor stopped."""
    work = one.work()
    point = one.backup(work)
    later(one)
    before = seen(one, work)
    back = state(one)
    try:
        with pytest.raises(UnreachableError) as caught:
            restore(work, point)
    finally:
        back()
    assert caught.value.hint
    after = seen(one, work)
    assert before.digest
    assert after.digest
    assert differences(before.digest, after.digest) == ()
    assert after.files == before.files


def test_a_stopped_server_elsewhere(one: Stack) -> None:
    """The files of a Redis on another machine cannot be replaced from here."""
    work = one.work()
    point = one.backup(work)
    elsewhere = one.work(REDIS_HOST="elsewhere.invalid")
    with untouched(one, work), pytest.raises(UnreachableError) as caught:
        restore(elsewhere, point)
    assert "REDIS_HOST" in caught.value.hint


def test_a_closed_port_of_another_machine(one: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, where the other machine is up and its Redis is not."""
    work = one.work(REDIS_PORT=str(free_port()))
    point = one.backup(one.work())
    # There is no other machine here with a closed port: only the way to it is told.
    monkeypatch.setattr("pipelines.ops.redis.reach._route", lambda _address: ("192.0.2.1", "192.0.2.2"))
    with untouched(one, one.work()), pytest.raises(UnreachableError, match="where it ran") as caught:
        restore(work, point)
    assert "--into" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("localhost", True), ("own", True), ("192.0.2.1", False)]
)
def test_which_addresses_are_of_this_machine(one: Stack, host: str, *, here: bool) -> None:
    """Loopback and its own other address are; no packet is sent to find out."""
    work = one.work(REDIS_HOST="192.0.2.1")
    own = own_address(work.settings.redis)
    asked = one.work(REDIS_HOST=own if host == "own" else host)
    assert on_this_machine(asked.settings.redis) == here


@pytest.mark.parametrize("right", ["client|pause", "config|set", "replicaof", "function|delete"])
def test_a_user_without_a_right(one: Stack, right: str) -> None:
    """It is noticed before the pause: a restore that lacks a right in the middle cannot be ended."""
    point = one.backup(one.work())
    later(one)
    with one.client() as client:
        client.execute_command("ACL", "SETUSER", "few", "on", ">word", "~*", "&*", "+@all", f"-{right}")
    work = one.work(REDIS_USERNAME="few", REDIS_PASSWORD="word")
    with (
        untouched(one, one.work()),
        pytest.raises(UnreachableError, match="does not let this user") as caught,
    ):
        restore(work, point)
    assert right in caught.value.what
    assert "Redis user" in caught.value.hint
    assert not restore_marker(work.data_dir).exists()


def test_a_target_that_takes_no_writes(one: Stack) -> None:
    """The mark of the restore could not be taken out of the new data."""
    point = one.backup(one.work())
    with one.client() as client:
        client.config_set("min-replicas-to-write", 1)
    with untouched(one, one.work()), pytest.raises(RefusedError, match=r"takes no writes.*NOREPLICAS"):
        restore(one.work(), point)


def test_a_target_without_a_command(tmp_path: Path) -> None:
    """A renamed command is named before anything is touched."""
    with stack(tmp_path / "stack", "redis", 'rename-command REPLICAOF ""') as one:
        with one.client() as client:
            client.set("old", 1)
        point = one.backup(one.work())
        later(one)
        with untouched(one, one.work()), pytest.raises(RefusedError, match="no command REPLICAOF"):
            restore(one.work(), point)


@pytest.mark.parametrize("answer", ["404 Not Found", "200 OK"])
def test_another_server_in_the_place_of_the_backend(one: Stack, answer: str) -> None:
    """It is told before anything is touched; after the swap it could only be rolled back."""
    point = one.backup(one.work())
    page = f"HTTP/1.1 {answer}\r\nContent-Length: 9\r\n\r\n<p>hi</p>".encode()
    with answering(page) as port:
        work = one.work(API_PORT=str(port))
        with untouched(one, work), pytest.raises(RefusedError, match="is not Synapse's backend") as caught:
            restore(work, point)
        assert "API_PORT" in caught.value.hint
        # What asks the backend for nothing can be restored all the same.
        assert restore(work, point, only="redis")


@pytest.mark.parametrize(("line", "warned"), [("appendonly no", True), ("appendonly yes", False)])
def test_a_target_that_keeps_nothing_on_its_disk(tmp_path: Path, line: str, *, warned: bool) -> None:
    """An old dump.rdb would come back at its next start: said in the plan, for the operator to judge."""
    with stack(tmp_path, "redis", line) as one:
        later(one)
        work = one.work()
        point = one.backup(work)
        plans: list[RestorePlan] = []

        def seen_only(plan: RestorePlan) -> bool:
            plans.append(plan)
            return False

        assert restore(work, point, agreed=seen_only) is None
        assert any("dump.rdb" in warning for warning in plans[0].warnings) is warned
        with one.client() as client:
            client.config_set("save", "3600 1")
        assert restore(work, point, agreed=seen_only) is None
        assert plans[1].warnings == ()
