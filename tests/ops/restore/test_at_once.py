"""A backup and a restore at the same time: no point is half of before and half of after the swap."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import perf_counter

import pytest

from app.stores.index.layout import restore_marker
from pipelines.ops.backup import take_backup
from pipelines.ops.capture.documents import CapturedFaiss, capture_collections
from pipelines.ops.capture.redis_wire import CapturedRedis, capture_redis
from pipelines.ops.context import Context
from pipelines.ops.errors import RefusedError
from pipelines.ops.reporting import Advance, SilentReporter, Stopwatch
from pipelines.ops.restore.flow import restore
from tests.ops.capture.examples import documents, open_docs
from tests.ops.restore.stack import Stack, stack


class Meanwhile(SilentReporter):
    """Does something else as soon as a step begins."""

    def __init__(self, title: str, act: Callable[[], object]) -> None:
        self._title = title
        self._act = act

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Act first."""
        if title == self._title:
            self._act()
        with super().step(title, total=total, unit=unit) as advance:
            yield advance


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stack]:
    """Run a server with a collection beside it."""
    with stack(tmp_path, "valkey") as made:
        index = open_docs(made.root / "data")
        index.add(documents("d", 3))
        index.close()
        with made.client() as client:
            client.set("old", 1)
        yield made


def refused(act: Callable[[], object], words: str) -> Callable[[], None]:
    """Check that it is refused."""

    def attempt() -> None:
        with pytest.raises(RefusedError, match=words):
            act()

    return attempt


@pytest.mark.parametrize(
    "step", ["Copy the present data of Redis for the safety point", "Compare it with the point"]
)
def test_a_backup_while_a_restore_swaps(one: Stack, step: str) -> None:
    """It began before the restore had a journal, and would mix both stores; the restore goes on."""
    work = one.work()
    point = one.backup(work)
    points = len(work.repository.points())
    attempt = refused(lambda: one.backup(one.work()), "replacing its data")
    watched = replace(work, watch=Stopwatch(Meanwhile(step, attempt), perf_counter))
    assert restore(watched, point)
    assert len(work.repository.points()) == points + 1  # the safety point


def test_a_restore_while_a_backup_copies(one: Stack) -> None:
    """It is refused before it touches anything; the backup goes on, and then the restore goes well."""
    work = one.work()
    point = one.backup(work)
    attempt = refused(lambda: restore(one.work(), point), "A backup of")

    def copied(spool: Path) -> CapturedRedis:
        cut = capture_redis(work.settings.redis, spool)
        attempt()
        return cut

    assert _backup(work, copied)
    assert not restore_marker(work.data_dir).exists()
    assert restore(work, point)


def test_a_long_script_that_waited_for_the_end_of_the_pause(tmp_path: Path) -> None:
    """It runs before the mark of the restore is taken out; the restore waits for it, and is a success."""
    with stack(tmp_path, "valkey", "busy-reply-threshold 50") as one:
        work = one.work()
        with one.client() as client:
            client.set("old", 1)
        point = one.backup(work)

        def run() -> None:
            with one.client() as client:
                client.eval(_LONG, 0)

        script = Thread(target=run)
        watched = replace(
            work, watch=Stopwatch(Meanwhile("Compare it with the point", script.start), perf_counter)
        )
        assert restore(watched, point)
        script.join()
        with one.client() as client:
            assert client.exists("script") == 1
        assert not one.state()[1]
        assert not restore_marker(work.data_dir).exists()


_LONG = """
redis.call('SET', 'script', 1)
local began = tonumber(redis.call('TIME')[1])
while tonumber(redis.call('TIME')[1]) < began + 3 do end
"""


def _backup(work: Context, redis: Callable[[Path], CapturedRedis]) -> str:
    def docs(spool: Path) -> CapturedFaiss | None:
        return capture_collections(work.data_dir / "faiss_indexes", spool)

    return take_backup(work, redis=redis, faiss=docs).ref.id


class Writing(SilentReporter):
    """Acts when the documents have been stored for the first time; notes what was copied in the pause."""

    def __init__(self, scratch: Path, act: Callable[[], object]) -> None:
        self._scratch = scratch
        self._act = act
        self.copies: list[Path] = []

    @contextmanager
    def step(self, title: str, *, total: int | None = None, unit: str = "bytes") -> Iterator[Advance]:
        """Act after the one, look before the other."""
        if title == "Swap the data of Redis":
            self.copies += self._scratch.glob("*/safety/faiss")
        with super().step(title, total=total, unit=unit) as advance:
            yield advance
        if title == "Store the present documents for the safety point":
            self._act()


@pytest.mark.parametrize("late", [0, 1])
def test_the_safety_point_has_what_was_written_before_the_pause(one: Stack, late: int) -> None:
    """A document that came after the first copy is in it; where none came, nothing is copied in the pause."""
    work = one.work()
    point = one.backup(work)

    def write() -> None:
        if late:
            index = open_docs(one.root / "data")
            index.add(documents("late", late))
            index.close()

    reporter = Writing(work.scratch.root, write)
    report = restore(replace(work, watch=Stopwatch(reporter, perf_counter)), point)
    assert report
    assert report.safety
    saved = work.repository.load(report.safety).faiss
    assert saved
    assert saved.collections[0].documents == 3 + late
    assert len(reporter.copies) == late
    assert not list(work.scratch.root.glob("synapse-spool-*"))
