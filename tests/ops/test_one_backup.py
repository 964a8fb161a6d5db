"""One backup of a source at a time: the next waits for it, and not for ever; other sources do not."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from pipelines.ops.errors import RefusedError
from pipelines.ops.one_backup import one_backup
from tests.waiting import wait_until


def _unheard(_text: str) -> None:
    """Drop what is said."""


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    """It says why it waits, and begins when the first has ended."""
    said, order, waiting = list[str](), list[str](), threading.Event()

    def note(text: str) -> None:
        said.append(text)
        waiting.set()

    def second() -> None:
        with one_backup(tmp_path, ["redis", "faiss"], note):
            order.append("second")

    thread = threading.Thread(target=second)
    with one_backup(tmp_path, ["faiss"], said.append):
        thread.start()
        assert waiting.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
    assert len(said) == 1


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A backup that hangs makes the next one fail with a reason."""
    with (
        one_backup(tmp_path, ["redis"], _unheard),
        pytest.raises(RefusedError, match="has not ended"),
        one_backup(tmp_path, ["redis"], _unheard, patience=0.0),
    ):
        pass


def test_one_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """After a silence the other goes on beside it, and says so; one that is only slow is waited for."""
    said = list[str]()
    lock = tmp_path / ".backup-redis.lock"
    with one_backup(tmp_path, ["redis"], _unheard):
        wait_until(lambda: lock.stat().st_mtime > 0, "it is dated")
        os.utime(lock, (0, 0))
        wait_until(lambda: lock.stat().st_mtime > 0, "one that runs shows life again")
    lock.touch()
    with lock.open() as hanging:
        fcntl.flock(hanging, fcntl.LOCK_EX)
        with pytest.raises(RefusedError), one_backup(tmp_path, ["redis"], _unheard, patience=0.0):
            pass
        os.utime(lock, (0, 0))
        with one_backup(tmp_path, ["redis"], said.append, patience=0.0):
            assert said == ["Another backup of these data hangs; this one goes on beside it."]
        assert lock.stat().st_mtime == 0


def test_another_source_is_free(tmp_path: Path) -> None:
    """Redis and the documents may be saved by two commands at once."""
    with one_backup(tmp_path, ["redis"], _unheard), one_backup(tmp_path, ["faiss"], _unheard, patience=0.0):
        pass


def test_a_folder_that_is_not_there_is_shared_with_nobody(tmp_path: Path) -> None:
    """No lock can be made, and none is needed."""
    with one_backup(tmp_path / "none", ["redis"], _unheard):
        pass
