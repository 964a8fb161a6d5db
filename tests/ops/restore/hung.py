"""A restore that is stopped with all its processes when it has come to a stage, to be killed or continued."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from app.stores.index.layout import restore_marker
from pipelines.ops.redis.digest import differences
from tests.ending import ended
from tests.ops.capture.examples import documents, open_docs
from tests.ops.restore.stack import Stack, stack
from tests.processes import below, state_of
from tests.waiting import wait_until

STEPS = {
    "preparing": "Boot the point in a scratch server",
    "paused": "Swap the data of Redis",
    "swapped": "Read the new data back from Redis",
}
"""The step with whose beginning it hangs."""
_SAVED, _LATER = 3, 6


class Hung:
    """A restore that hangs, of a point that neither store holds any more."""

    def __init__(self, one: Stack, stage: str) -> None:
        self.one = one
        self.work = one.work()
        with one.client() as client:
            client.mset({f"key:{number}": number for number in range(100)})
        self._add("saved")
        self.point = one.backup(self.work)
        self._saved = one.digest(self.work)
        self._add("later")
        with one.client() as client:
            client.delete("key:1")
        self.process = self._restore(STEPS[stage])

    def hangs(self) -> bool:
        """Say whether all its processes are stopped, or have ended and nobody takes note any more."""
        assert self.process.poll() is None, "it ended"
        return all(state_of(pid) in "TZ" for pid in (self.process.pid, *below(self.process.pid)))

    def kill(self) -> None:
        """Kill it; what it started dies with it."""
        self.process.kill()
        self.process.wait()

    def resume(self) -> str:
        """Let it go on to its end; return what it says."""
        os.killpg(self.process.pid, signal.SIGCONT)
        return " ".join(self.process.communicate(timeout=60)[1].split())

    def write(self, key: str) -> bool:
        """Write once the pause has run out; return whether that was acknowledged."""
        with self.one.client() as client:
            # Held by a pause as a write is, and let through by a replica.
            client.publish("channel", "it has run out")
            with suppress(redis.ReadOnlyError):
                return bool(client.set(key, 1))
        return False

    def holds(self, key: str) -> bool:
        """Say whether the server holds a key."""
        with self.one.client() as client:
            return bool(client.exists(key))

    def is_new(self, *written: str) -> bool:
        """Say whether both stores hold the point, which else both are as before, but for keys `written`.

        Both take writes, and nothing is left of the restore.
        """
        assert not restore_marker(self.work.data_dir).exists()
        assert self.one.state()[:2] == ("master", [])
        index = open_docs(self.work.data_dir)
        held = index.describe().documents
        index.add(documents("writable", 1))
        index.close()
        new = self.holds("key:1")
        assert held == (_SAVED if new else _LATER)
        with self.one.client() as client:
            client.set("key:1", 1)
            client.delete(*written, "")
        assert differences(self._saved, self.one.digest(self.work)) == ()
        return new

    def _restore(self, step: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.ops.restore.hanging_child", step, self.point],
            env=self.one.environ | {"PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _add(self, word: str) -> None:
        index = open_docs(self.work.data_dir)
        index.add(documents(word, _SAVED))
        index.close()


@contextmanager
def hung_restore(root: Path, family: str, stage: str) -> Iterator[Hung]:
    """Give one that hangs when it is `preparing`, has `paused` writes, or `swapped` the data of Redis."""
    with stack(root, family) as one:
        hung = Hung(one, stage)
        with ended(hung.process):
            wait_until(hung.hangs, f"it hangs while it is {stage}")
            yield hung
