"""`synapse` told to end, or read by nobody: a restore is ended all the same, and stdout is one document."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.stores.index.layout import restore_marker
from tests.ending import ended
from tests.ops.restore.stack import Stack, stack

SYNAPSE = Path(sys.executable).parent / "synapse"
_TRIES = 5


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stack]:
    """Run a server."""
    with stack(tmp_path, "valkey") as made:
        with made.client() as client:
            client.mset({f"old:{number}": os.urandom(100) for number in range(20_000)})
        yield made


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
    with one.client() as client:  # so much that the swap lasts until the signal comes
        for number in range(80):
            client.set(f"large:{number}", os.urandom(1_000_000))
    one.backup(one.work())
    for _ in range(_TRIES):
        with one.client() as client:
            client.set("later", 1)
        before = one.state()
        code, told, answer = _told_to_end(one, signals)
        if code:
            break  # on a busy machine the signal may come when all is done
    assert code == 130
    assert answer["error"]["what"] == "Interrupted."
    assert [line for line in told if "The old data is back." in line]
    with one.client() as client:
        assert client.get("later") == b"1"
    assert one.state() == before
    assert not restore_marker(one.work().data_dir).exists()


def _told_to_end(one: Stack, signals: tuple[signal.Signals, ...]) -> tuple[int, list[str], dict[str, Any]]:
    """Send the first signal in the swap, the others in the way back; return code, talk and document."""
    process = synapse(one, "restore", "latest", "--yes", "--json")
    told: list[str] = []
    with ended(process):
        assert process.stderr
        assert process.stdout
        for line in process.stderr:
            told.append(line)
            if "Swap the data of Redis" in line:
                process.send_signal(signals[0])
            if "Roll back" in line or "Swap the old data back" in line:
                for number in signals[1:]:
                    process.send_signal(number)
        return process.wait(60), told, json.loads(process.stdout.read())


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
