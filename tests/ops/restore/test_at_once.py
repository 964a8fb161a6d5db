"""A backup and a restore at the same time: no point is half of before and half of after the swap."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
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


def _backup(work: Context, redis: Callable[[Path], CapturedRedis]) -> str:
    def docs(spool: Path) -> CapturedFaiss | None:
        return capture_collections(work.data_dir / "faiss_indexes", spool)

    return take_backup(work, redis=redis, faiss=docs).ref.id
