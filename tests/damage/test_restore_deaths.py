"""A restore dies just before one of the changes that it makes to the disk; any one of them.

After the next call both stores are as before the restore or as after it, and nothing is left over.
"""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.ops.errors import RefusedError
from pipelines.ops.model import RedisDigest
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.recover import recover
from tests.ops.capture.examples import docs_folder, documents, open_docs
from tests.ops.restore.stack import Stack, stack
from tests.ports import free_port

SEED = 20261124
DEATHS = 8
LOCKS = {".restore.lock", ".stack.lock"}


@dataclass(frozen=True)
class Place:
    """A stopped stack with later data than its point, copied afresh for every death."""

    template: Path
    root: Path
    point: str
    port: int

    def fresh(self) -> Stack:
        """Lay the stack as it was."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.template, self.root)
        return Stack(self.root, "redis", port=self.port)

    def restoring(self, one: Stack, last: int, *into: Path) -> "subprocess.CompletedProcess[str]":
        """Restore in a process that dies before its `last` change."""
        return subprocess.run(
            [sys.executable, "-m", "tests.ops.restore.dying_child", str(last), self.point, *into],
            env=one.environ | {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def whole(self, *into: Path) -> tuple[Stack, int]:
        """Restore to the end; return the stack and how many changes it took."""
        one = self.fresh()
        done = self.restoring(one, 0, *into)
        assert done.returncode == 0, done.stderr
        return one, int(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Take a point of five documents and some keys, add to both stores, and stop the server."""
    template = tmp_path_factory.mktemp("template")
    with stack(template, "redis") as one:
        work = one.work()
        index = open_docs(work.data_dir)
        index.add(documents("d", 5))
        with one.client() as client:
            client.mset({f"old:{number}": "x" * 100 for number in range(300)})
        point = one.backup(work)
        index.add(documents("later", 3))
        index.close()
        with one.client() as client:
            client.set("later", 1)
    shutil.move(template / "server", template / "data" / "redis")
    return Place(template, tmp_path_factory.mktemp("place") / "stack", point, free_port())


def tree(folder: Path) -> dict[str, str]:
    """Return the hash of each file below a folder, and each folder."""
    return {
        str(path.relative_to(folder)): _hash(path)
        for path in sorted(folder.rglob("*"))
        if path.name not in LOCKS
    }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"


@dataclass(frozen=True)
class State:
    """What lies on the disks of a stopped stack, but for the names that each restore makes afresh."""

    redis: dict[str, str]
    aside: list[dict[str, str]]
    documents: int
    entries: int
    names: set[str]
    repository: dict[str, str]


def state(one: Stack) -> State:
    """Look at both stores and at every name beside them."""
    data = one.root / "data"
    aside = sorted(data.glob("redis-replaced-by-*"))
    names = {path.name for folder in (one.root, data) for path in folder.iterdir()} - LOCKS
    names -= {path.name for path in aside}
    names |= {path.name for path in (one.root / "scratch").glob("*")}
    index = open_docs(data)
    count = index.describe().documents
    index.close()
    entries = list(docs_folder(data).folder.iterdir())
    repository = tree(one.root / "backups")
    return State(tree(data / "redis"), [tree(path) for path in aside], count, len(entries), names, repository)


def chosen(count: int, deaths: int | None) -> Sequence[int]:
    """Choose the changes to die before: some by the seed, with the last ones, or all."""
    every = range(1, count + 1)
    if deaths is None:
        return every
    late = every[-deaths // 2 :]
    return [*random.Random(SEED).sample(every[: -deaths // 2], deaths - len(late)), *late]


def died(place: Place, count: int, deaths: int | None, *into: Path) -> Iterator[Stack]:
    """Let restores die, each on a stack of its own."""
    for last in chosen(count, deaths):
        print(f"seed {SEED}: died before change {last} of {count}")  # noqa: T201  # shown when it fails
        one = place.fresh()
        done = place.restoring(one, last, *into)
        assert done.returncode == -signal.SIGKILL, done.stderr
        yield one


def stopped(place: Place, deaths: int | None) -> None:
    """Restore into the stopped stack."""
    old = state(place.fresh())
    one, count = place.whole()
    new = state(one)
    assert (old.documents, new.documents) == (8, 5)
    assert new.aside == [old.redis]
    assert new.redis != old.redis
    assert (new.names, new.entries) == (old.names, old.entries)
    seen = []
    for one in died(place, count, deaths):
        recover(one.work())
        found = state(one)
        assert found in (old, new)
        seen.append(found == new)
    assert set(seen) == {False, True}


def looked_at(one: Stack) -> tuple[RedisDigest, int, set[str], int]:
    """Return what both running stores hold, every name beside them, and the entries of the collection."""
    found = state(one)
    return one.digest(one.work()), found.documents, found.names, found.entries


def same(one: tuple[RedisDigest, int, set[str], int], other: tuple[RedisDigest, int, set[str], int]) -> bool:
    """Compare two of them."""
    return differences(one[0], other[0]) == () and one[1:] == other[1:]


@contextmanager
def running(place: Place) -> Iterator[Stack]:
    """Start the server of a fresh stack, on the data that it had, until the block ends."""
    one = place.fresh()
    (one.root / "data" / "redis").rename(one.root / "server")
    try:
        one.start()
        yield one
    finally:
        one.kill()


def into_running(place: Place, deaths: int | None) -> None:
    """Restore into the running server and the collection, without a backend."""
    with running(place) as one:
        old = looked_at(one)
    with running(place) as one:
        done = place.restoring(one, 0)
        assert done.returncode == 0, done.stderr
        new = looked_at(one)
    assert (old[1], new[1]) == (8, 5)
    assert old[2:] == new[2:]
    seen = []
    count = int(done.stdout)
    for last in chosen(count, deaths):
        print(f"seed {SEED}: died before change {last} of {count}")  # noqa: T201  # shown when it fails
        with running(place) as one:
            before = one.state()
            done = place.restoring(one, last)
            # How many chunks a snapshot has that the repository has not is not the same each time.
            ended_before = done.returncode == 0 and int(done.stdout) < last
            assert ended_before or done.returncode == -signal.SIGKILL, done.stderr
            recover(one.work())
            found = looked_at(one)
            assert same(found, old) or same(found, new), (found[1:], old[1:], new[1:])
            assert one.state() == before
            seen.append(same(found, new))
    assert set(seen) == {False, True}


def into_folder(place: Place, deaths: int | None) -> None:
    """Restore into a folder."""
    folder = place.root / "restored" / "files"
    one, count = place.whole(folder)
    new = tree(folder)
    assert {"redis", "faiss"} <= set(new)
    seen = []
    for one in died(place, count, deaths, folder):
        seen.append(folder.exists())
        assert not folder.exists() or tree(folder) == new
        with suppress(RefusedError):
            restore(one.work(), place.point, into=folder)
        assert tree(folder) == new
        assert list(folder.parent.iterdir()) == [folder]
        assert list((one.root / "scratch").glob("*")) == []
    assert set(seen) == {False, True}


def test_deaths_of_a_restore_into_a_stopped_stack(place: Place) -> None:
    """Some of the changes."""
    stopped(place, DEATHS)


def test_deaths_of_a_restore_into_a_running_stack(place: Place) -> None:
    """Some of the changes."""
    into_running(place, DEATHS)


def test_deaths_of_a_restore_into_a_folder(place: Place) -> None:
    """Some of the changes."""
    into_folder(place, DEATHS)


def test_two_operators_restore_into_one_folder(place: Place) -> None:
    """Both write, one is the first to be done; the other is refused, and nothing is mixed."""
    folder = place.root / "restored" / "files"
    one, _ = place.whole(folder)
    new = tree(folder)
    shutil.rmtree(folder)
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda _: place.restoring(one, 0, folder), range(2)))
    assert sorted(each.returncode for each in done) == [0, 1], [each.stderr for each in done]
    assert any("not an empty folder" in each.stderr for each in done)
    assert tree(folder) == new
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.soak
def test_every_death_of_a_restore_into_a_stopped_stack(place: Place) -> None:
    """Every single change."""
    stopped(place, None)


@pytest.mark.soak
def test_every_death_of_a_restore_into_a_running_stack(place: Place) -> None:
    """Every single change."""
    into_running(place, None)


@pytest.mark.soak
def test_every_death_of_a_restore_into_a_folder(place: Place) -> None:
    """Every single change."""
    into_folder(place, None)
