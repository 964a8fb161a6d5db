"""A backup killed at any moment leaves every earlier point whole and no half point."""

import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipelines.ops.errors import OpsError
from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import FolderStore, InMemoryStore, PointRef, Repository
from pipelines.ops.repository.store import Stored
from tests.ops.repository.dying import DyingStore
from tests.passphrases import KINDS, of_kind

SEED = 20260708
# It stores and publishes for ever, each time with new bytes and old ones, and says when each point is there.
CHILD = """
import io, random, sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import FolderStore, Repository

repository = Repository.open_or_create(FolderStore(Path(sys.argv[1])))
fresh = random.Random(int(sys.argv[2]))
old = random.Random(1).randbytes(400_000)
print("ready", flush=True)
while True:
    now = datetime.now(UTC)
    contents = {"old": old, "new": fresh.randbytes(300_000), "empty": b""}
    contents |= {f"small/{number}": fresh.randbytes(999) for number in range(40)}
    files = repository.store_files((name, io.BytesIO(data)) for name, data in contents.items()).files
    faiss = FaissSource(way="folder", files=files)
    point = RestorePoint(host="h", software={}, started=now, finished=now, faiss=faiss)
    print(repository.publish(point).id, flush=True)
"""


def acknowledged_until_killed(root: Path, seed: int, points: int, spin: int) -> set[str]:
    """Run the child until it has published some points and a little more, kill it, return the ids it said."""
    argv = [sys.executable, "-c", CHILD, str(root), str(seed)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(1 + points)]
        # Busy for a random while instead of asleep: the kill lands anywhere in the next backup.
        for number in range(spin):
            hash(str(number))
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.readlines()
    return {line.strip() for line in lines[1:] if line.endswith("\n")}


def kill_and_look(root: Path, runs: int, seed: int) -> None:
    """Kill many children over one repository, and after each verify all that was ever acknowledged.

    Goes on, up to ten times as long, until a kill came while an object was written.
    """
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    for run in range(10 * runs):
        if run >= runs and any((root / "tmp").iterdir()):
            break
        points, spin = chance.randrange(2), chance.randrange(100_000)
        acknowledged |= acknowledged_until_killed(root, seed + run, points, spin)
        repository = Repository.open(FolderStore(root))
        refs = repository.points()
        assert [ref.problem for ref in refs] == [None] * len(refs), f"seed {seed}, run {run}"
        assert acknowledged <= {ref.id for ref in refs}, f"seed {seed}, run {run}"
        # The newest by every byte; the older ones were so when they were newest, and are again at the end.
        assert [repository.check_bytes(repository.load(ref)) for ref in refs[:3]] == [[]] * len(refs[:3])
    restore_all(Repository.open(FolderStore(root)), root.parent / "out")
    assert any((root / "tmp").iterdir()), "no kill came while an object was written"


def restore_all(repository: Repository, out: Path) -> None:
    """Restore every point; a restore compares each file with its SHA-256."""
    for ref in repository.points():
        source = repository.load(ref).faiss
        assert source is not None
        repository.restore_files(source.files, out / ref.id)


def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    """Twenty-five kills; every acknowledged point still restores bit for bit."""
    kill_and_look(tmp_path / "r", 25, SEED)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_sigkill_at_random_moments_for_long(tmp_path: Path) -> None:
    """The same, five hundred times."""
    kill_and_look(tmp_path / "r", 500, SEED + 1)


class FailingStore(DyingStore):
    """One that counts settling as well."""

    def settle(self, keys: Iterable[str]) -> None:
        """Settle while it works."""
        self.count()
        super().settle(keys)


def backup(repository: Repository, content: bytes, point: RestorePoint) -> PointRef:
    """Store one file and publish it."""
    files = repository.store_files([("f", io.BytesIO(content))]).files
    return repository.publish(point.model_copy(update={"faiss": FaissSource(way="folder", files=files)}))


@pytest.mark.parametrize("kind", KINDS, ids=["plain", "encrypted"])
def test_a_failure_at_every_step(kind: str | None) -> None:
    """Whichever write fails, the earlier point is whole, no half point shows, the next backup succeeds."""
    fresh = random.Random(SEED)
    point = RestorePoint.model_validate(
        {"host": "h", "software": {}, "started": "2026-07-08T12:00:00Z", "finished": "2026-07-08T12:00:00Z"}
    )
    later = point.model_copy(update={"host": "later"})
    store = InMemoryStore()
    passphrase = of_kind(kind)
    first = backup(Repository.create(store, passphrase=passphrase), fresh.randbytes(3_000_000), point)
    content = fresh.randbytes(6_000_000)
    completed = 0
    for works in range(30):
        failing = FailingStore(dict(store.values), works)
        repository = Repository.open(failing, passphrase)
        try:
            published = backup(repository, content, later)
            completed += 1
        except OpsError:
            published = None
        failing.works = 1000
        refs = repository.points()
        assert {first.id} <= {ref.id for ref in refs}
        assert not published or published in refs
        for ref in refs:
            assert repository.check_bytes(repository.load(ref)) == []
        assert backup(repository, content, later) in repository.points()
    assert 0 < completed < 30


def test_stored_is_not_yet_visible(repository: Repository) -> None:
    """Objects without a manifest are no point."""
    repository.store_files([("f", io.BytesIO(b"x"))])
    assert repository.points() == []
    assert [one for one in repository.store.list() if one != Stored("config", one.size)]
