"""A restore that fails after the target was touched gives its reason, and the old data is back."""

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
import redis

from app.stores.index.layout import restore_marker
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.digest import differences
from pipelines.ops.reporting import Advance, SilentReporter, Stopwatch
from pipelines.ops.restore.flow import restore
from tests.ops.restore.apart import namespaces_allowed, stack_apart
from tests.ops.restore.stack import PROGRAMS, Stack, stack
from tests.waiting import wait_until

FAMILIES = sorted(PROGRAMS)
BIG = 16 * 1024 * 1024


class MasterKiller:
    """Kills the target's master as soon as the target is in the middle of loading from it."""

    def __init__(self, one: Stack) -> None:
        self.killed = False
        self._one = one
        self._before = _children()
        self._thread = threading.Thread(target=self._run)
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._one.client() as client:
            while not self._stop.is_set() and not self.killed:
                with suppress(redis.RedisError):
                    info = client.info("replication")
                    self.killed = info["role"] == "slave" and self._kill()

    def _kill(self) -> bool:
        """Kill the scratch server, the one child of ours that the restore has started."""
        found = _children() - self._before
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)


def _children() -> set[int]:
    """Return the processes that this one has started, by whichever of its threads."""
    lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    return {int(pid) for text in lists for pid in text.split()}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_scratch_server_is_killed_during_the_transfer(tmp_path: Path, family: str) -> None:
    """The target keeps what it had, is a master with its own configuration, and takes writes."""
    with stack(tmp_path, family) as one:
        work = one.work()
        with one.client() as client:
            for number in range(4):
                client.set(f"big:{number}", secrets.token_bytes(BIG))
        point = one.backup(work)
        with one.client() as client:
            client.flushall()
            client.set("later", 1)
        expected, before = one.digest(work), one.state()
        with (
            MasterKiller(one) as killer,
            pytest.raises(OpsError, match="The old data is back") as caught,
        ):
            restore(work, point)
        assert killer.killed
        assert "scratch server ended" in caught.value.what
        assert caught.value.hint
        assert differences(expected, one.digest(work)) == ()
        assert one.state() == before
        assert not restore_marker(work.data_dir).exists()
        with one.client() as client:
            assert client.set("writable", 1)
        assert restore(work, point)


class Unpauser(SilentReporter):
    """Another operator, who ends the pause of a restore while it stores what is there, and writes."""

    def __init__(self, one: Stack) -> None:
        self._one = one

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Let a write in when the safety point is about to appear."""
        if title == "Publish the restore point":
            with self._one.client() as client, client.pipeline(transaction=False) as both:
                both.execute_command("CLIENT UNPAUSE")
                both.set("meanwhile", 1)
                assert both.execute() == [b"OK", True]
        with super().step(title, total=total, unit=unit) as advance:
            yield advance


@pytest.mark.parametrize("family", FAMILIES)
def test_a_write_that_was_let_into_the_pause(tmp_path: Path, family: str) -> None:
    """It is in no safety point, so the data that holds it is kept."""
    with stack(tmp_path, family) as one:
        work = one.work()
        with one.client() as client:
            client.set("old", 1)
        point = one.backup(work)
        before = one.state()
        meddled = replace(work, watch=Stopwatch(Unpauser(one), time.perf_counter))
        with pytest.raises(UnreachableError, match=r"took writes while it was paused.* The old data is back"):
            restore(meddled, point)
        with one.client() as client:
            assert client.get("meanwhile") == b"1"
        assert one.state() == before
        assert not restore_marker(work.data_dir).exists()
        assert restore(work, point)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_link_that_never_comes_up(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that cannot reach the scratch server keeps what it had; the address to set is named."""
    monkeypatch.setattr("pipelines.ops.restore.swap._LINK_LIMIT_S", 2.0)
    if not namespaces_allowed():
        pytest.skip("no process may have a network of its own here")
    with stack_apart(tmp_path, family) as one:
        work = one.work()
        with one.client() as client:
            client.set("old", 1)
        point = one.backup(work)
        with one.client() as client:
            client.set("later", 1)
        expected, before = one.digest(work), one.state()
        with pytest.raises(UnreachableError, match=r"got no copy .* The old data is back") as caught:
            restore(work, point)
        assert "SYNAPSE_SCRATCH_ADDRESS" in caught.value.hint
        assert differences(expected, one.digest(work)) == ()
        assert one.state() == before
        assert not restore_marker(work.data_dir).exists()
        with one.client() as client:
            assert client.set("writable", 1)
            wait_until(lambda: client.info("replication")["role"] == "master", "it is a master")
