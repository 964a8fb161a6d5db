"""`synapse` told to end, or read by nobody: a restore is ended all the same, and stdout is one document."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.stores.index.layout import restore_marker
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.swap import marks, unmark_when_free
from tests.ending import ended
from tests.ops.restore.stack import Stack, stack

SYNAPSE = Path(sys.executable).parent / "synapse"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stack]:
    """Run a server."""
    with stack(tmp_path, "valkey") as made:
        with made.client() as client:
            client.mset({f"old:{number}": os.urandom(100) for number in range(20_000)})
        yield made


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Let the command hear what whoever runs these tests does not: a job in the background ignores Ctrl-C."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def synapse(one: Stack, *arguments: str, stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    """Start the command."""
    return subprocess.Popen(
        [SYNAPSE, *arguments],
        env=one.environ | {"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT, signal.SIGINT, signal.SIGTERM), (signal.SIGHUP,)],
    ids=["impatient", "terminal gone"],
)
def test_a_restore_that_is_told_to_end(one: Stack, signals: tuple[signal.Signals, ...]) -> None:
    """It puts the old data back, also when it is told again meanwhile, or its terminal is gone."""
    one.backup(one.work())
    with one.client() as client:
        client.set("later", 1)
        client.config_set("key-load-delay", 200)  # in µs: the swap lasts until the signal comes
    before = one.state()
    process = synapse(one, "restore", "latest", "--yes", "--json")
    with ended(process):
        assert process.stderr
        told: list[str] = []
        for line in process.stderr:
            told.append(line)
            if "Swap the data of Redis" in line:
                process.send_signal(signals[0])
            if "Roll back" in line:
                with one.client() as client:
                    client.config_set("key-load-delay", 0)
            if "Roll back" in line or "Swap the old data back" in line:
                for number in signals[1:]:
                    process.send_signal(number)
        assert process.wait(60) == 130
        assert process.stdout
        assert json.loads(process.stdout.read())["error"]["what"] == "Interrupted."
    assert [line for line in told if "The old data is back." in line]
    with one.client() as client:
        assert client.get("later") == b"1"
    assert one.state() == before
    assert not restore_marker(one.work().data_dir).exists()


def test_a_restore_that_is_told_to_end_too_late(one: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the new data is found right it stays, writable and without a trace of the restore."""
    work = one.work()
    point = one.backup(work)
    with one.client() as client:
        client.set("later", 1)
    waiting = [KeyboardInterrupt]

    def unmark(client: redis.Redis) -> None:
        if waiting:
            raise waiting.pop()
        unmark_when_free(client)

    monkeypatch.setattr("pipelines.ops.restore.swap.unmark_when_free", unmark)
    with pytest.raises(KeyboardInterrupt):
        restore(work, point)
    assert journals.read(work.data_dir) is None
    with one.client() as client:
        assert not client.exists("later")
        assert client.set("writable", 1)
        assert marks(client) == []


def test_a_restore_that_nobody_reads(one: Stack) -> None:
    """A pipe that is closed in the middle does not end it."""
    one.backup(one.work())
    with one.client() as client:
        client.set("later", 1)
    process = synapse(one, "restore", "latest", "--yes", "--json")
    with ended(process):
        assert process.stderr
        while "Swap the data of Redis" not in process.stderr.readline():
            assert process.poll() is None
        process.stderr.close()
        assert process.stdout
        assert json.loads(process.stdout.read())["done"]
        assert process.wait(60) == 0
    with one.client() as client:
        assert not client.exists("later")


def test_a_damaged_point_is_one_document(one: Stack) -> None:
    """The proof and the error are parts of it."""
    one.backup(one.work())
    for path in (one.root / "backups" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-1])
    process = synapse(one, "verify", "latest", "--level", "2", "--json")
    with ended(process):
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 4
    document = json.loads(out)
    assert not document["proofs"][0]["good"]
    assert "damaged" in document["error"]["what"]
