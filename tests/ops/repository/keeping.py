"""A repository on a store whose clock a test moves, with points of a few small files."""

import io
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.ops.model import FaissSource, Proof, RestorePoint
from pipelines.ops.repository import InMemoryStore, ObjectStore, PointRef, Repository
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.objects import identify, object_key
from pipelines.ops.repository.storing import StoredFiles
from pipelines.ops.repository.times import Times

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
HOUR = 3600.0
DAY = 24 * HOUR


@dataclass
class Clock:
    """The time of a store, in seconds, and of a machine; waiting moves it."""

    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        """Return the store's time."""
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def machine(self) -> datetime:
        """Return the machine's time."""
        return NOON + timedelta(seconds=self.seconds)


@dataclass
class Kept:
    """The repository, its clock, and what each point that was published holds."""

    clock: Clock = field(default_factory=Clock)
    store: ObjectStore = field(init=False)
    repository: Repository = field(init=False)
    contents: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = InMemoryStore(now=self.clock)
        self.use(self.store)

    def use(self, store: ObjectStore) -> None:
        """Go on with another store that holds the same, or nothing."""
        self.store = store
        self.repository = replace(
            Repository.open_or_create(store), now=self.clock.machine, pace=Pace(Times(), self.clock.wait)
        )

    def stored(self, *contents: bytes) -> StoredFiles:
        """Store files of one object each, named by their content."""
        return self.repository.store_files((data.hex(), io.BytesIO(data)) for data in contents)

    def publish(self, stored: StoredFiles, *contents: bytes) -> PointRef:
        """Publish a point of stored files."""
        now = self.clock.machine()
        source = FaissSource(way="folder", files=stored.files)
        ref = self.repository.publish(
            RestorePoint(host="here", software={}, started=now, finished=now, faiss=source)
        )
        self.contents[ref.id] = contents
        return ref

    def backup(self, *contents: bytes) -> PointRef:
        """Store and publish; a millisecond later, so that no two points are one."""
        self.clock.wait(0.001)
        return self.publish(self.stored(*contents), *contents)

    def prove(self, ref: PointRef) -> None:
        """Lay a good proof beside a point."""
        now = self.clock.machine()
        self.repository.add_proof(
            Proof(point=ref.id, level=3, good=True, started=now, seconds=1, software={})
        )

    def check(self) -> None:
        """Restore every point that is listed; each file must be bit for bit what was saved."""
        for ref in self.repository.points():
            source = self.repository.load(ref).faiss
            assert source is not None
            with tempfile.TemporaryDirectory() as folder:
                self.repository.restore_files(source.files, Path(folder) / "out")
                found = {path.name: path.read_bytes() for path in (Path(folder) / "out").iterdir()}
            assert found == {data.hex(): data for data in self.contents[ref.id]}

    def objects(self) -> set[str]:
        """Return the keys of all objects."""
        return {one.key for one in self.store.list("objects/")}

    def rest(self) -> set[str]:
        """Return the keys of all that is neither object nor point nor config."""
        return {one.key for one in self.store.list()} - {
            one.key
            for one in self.store.list()
            if one.key == "config" or one.key.startswith(("objects/", "points/"))
        }


def keys(*contents: bytes) -> set[str]:
    """Return the keys of the objects of these contents."""
    return {object_key(identify(data)) for data in contents}
