"""While a restore hangs others say so and touch nothing; however it ends, no acknowledged write is lost."""

import os
from pathlib import Path

import pytest

from pipelines.ops.errors import ExitCode, RefusedError
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.locking import HangingError, one_restore
from pipelines.ops.restore.recover import recover
from tests.ops.restore.hung import hung_restore
from tests.waiting import wait_until

LOCK = ".restore.lock"


def test_others_say_that_it_hangs(tmp_path: Path) -> None:
    """It is said to run for a while, then to hang, with what to do; killed, it is ended by the next."""
    with hung_restore(tmp_path, "redis", "swapped") as hung:
        attempts = (lambda: restore(hung.one.work(), hung.point), lambda: recover(hung.one.work()))
        for attempt in attempts:
            with pytest.raises(RefusedError, match="is running") as caught:
                attempt()
            assert not isinstance(caught.value, HangingError)
        os.utime(hung.work.data_dir / LOCK, (0, 0))
        for attempt in attempts:
            with pytest.raises(HangingError, match="hangs: it has shown no life for") as caught:
                attempt()
            assert "kill its process" in caught.value.hint
            assert caught.value.code == ExitCode.REFUSED
        hung.kill()
        assert recover(hung.one.work()) == "finished"
        assert hung.is_new()


def test_one_that_runs_shows_life(tmp_path: Path) -> None:
    """Its lock is dated anew as long as it runs."""
    with one_restore(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        wait_until(lambda: (tmp_path / LOCK).stat().st_mtime > 0, "it has shown life again")


@pytest.mark.parametrize("family", ["redis", "valkey"])
def test_it_hangs_before_the_swap(tmp_path: Path, family: str) -> None:
    """Writes go through when its pause has run out; continued it says why it gives up, and they stay."""
    with hung_restore(tmp_path, family, "paused") as hung:
        assert hung.write("meanwhile")
        said = hung.resume()
        assert hung.process.returncode == ExitCode.UNREACHABLE, said
        assert "was lost (this process was stopped for too long). The old data is back." in said
        assert hung.holds("meanwhile")
        assert not hung.is_new("meanwhile")


def test_it_hangs_before_the_swap_and_is_killed(tmp_path: Path) -> None:
    """The next command undoes it: what was written meanwhile stays."""
    with hung_restore(tmp_path, "valkey", "paused") as hung:
        assert hung.write("meanwhile")
        hung.kill()
        assert recover(hung.one.work()) == "undone"
        assert hung.holds("meanwhile")
        assert not hung.is_new("meanwhile")


@pytest.mark.parametrize("family", ["redis", "valkey"])
def test_it_hangs_after_the_swap(tmp_path: Path, family: str) -> None:
    """No write is let in, so that it can go either way when it is continued; it says which."""
    with hung_restore(tmp_path, family, "swapped") as hung:
        assert not hung.write("meanwhile")
        said = hung.resume()
        assert hung.process.returncode == ExitCode.UNREACHABLE, said
        assert "was lost (this process was stopped for too long). The old data is back." in said
        assert not hung.is_new()


def test_it_hangs_after_the_swap_and_the_server_is_restarted(tmp_path: Path) -> None:
    """The server takes writes again, on whichever data its disk held; continued, the restore lets it be."""
    with hung_restore(tmp_path, "redis", "swapped") as hung:
        hung.one.kill()
        hung.one.start()
        assert hung.write("restarted")
        new = hung.holds("key:1")
        said = hung.resume()
        assert hung.process.returncode == ExitCode.UNREACHABLE, said
        assert ("The new data had to stay." if new else "The old data is back.") in said
        assert hung.holds("restarted")
        assert hung.is_new("restarted") == new


def test_it_hangs_while_it_prepares(tmp_path: Path) -> None:
    """Writes go through; continued it goes well, and its safety point has them."""
    with hung_restore(tmp_path, "valkey", "preparing") as hung:
        assert hung.write("meanwhile")
        said = hung.resume()
        assert hung.process.returncode == ExitCode.DONE, said
        assert not hung.holds("meanwhile")
        assert hung.is_new()
        (safety,) = (ref for ref in hung.work.repository.points() if ref.id != hung.point)
        restore(hung.work, safety.id, only="redis")
        assert hung.holds("meanwhile")
