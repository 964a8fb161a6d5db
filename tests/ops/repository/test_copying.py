"""A copy holds the same points, whatever both repositories are, and the source is only read."""

import io
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.ops.copying import Item, State, carry_out, plan_copy
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.model import FaissSource, FileEntry, Proof, RedisSource, RestorePoint
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import InMemoryStore, PointRef, Repository, Standing
from pipelines.ops.repository.config import ChunkerConfig
from pipelines.ops.repository.copying import alike, essence
from pipelines.ops.repository.objects import object_key
from tests.ops.repository.dying import DyingStore
from tests.ops.repository.keeping import DAY, Kept
from tests.passphrases import OTHER, PHRASE, of_kind

NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
SEED = 20261130
# Several chunks in each file, so that a file that is stored anew has other cuts.
FRESH = random.Random(SEED)
FILES = {"one": FRESH.randbytes(3_000_000), "two": b"x" * 700_000, "three": FRESH.randbytes(9), "empty": b""}
WAYS = [(None, None), (None, OTHER), (PHRASE, None), (PHRASE, OTHER)]
NAMES = ["plain to plain", "plain to encrypted", "encrypted to plain", "encrypted to encrypted"]


class ReadOnlyStore(InMemoryStore):
    """One that is not written to, not even for a moment."""

    def __init__(self, values: dict[str, bytes]) -> None:
        super().__init__()
        self.values = values

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Fail."""
        raise AssertionError(f"{key} was put into the source")

    def delete(self, key: str) -> bool:
        """Fail."""
        raise AssertionError(f"{key} was deleted in the source")

    def check_writable(self) -> None:
        """Fail, for a folder would write."""
        raise AssertionError

    def clock(self) -> float:
        """Fail, for a folder would write."""
        raise AssertionError


def take(repository: Repository, files: Mapping[str, bytes], minutes: int = 0) -> PointRef:
    """Publish a point of both sources."""
    stored = repository.store_files((name, io.BytesIO(data)) for name, data in files.items()).files
    started = NOON + timedelta(minutes=minutes)
    redis = RedisSource(
        way="replication", server="redis", version="7.4", replid="ab", offset=7, rdb_version=11,
        loadable_by=("redis 7.4",), databases=None, notes=("a note",), files=stored[:1],
    )  # fmt: skip  # as few lines as possible
    return repository.publish(
        RestorePoint(
            host="there",
            software={"synapse": "0"},
            label="import",
            started=started,
            finished=started + timedelta(seconds=2),
            redis=redis,
            faiss=FaissSource(way="folder", notes=("another",), files=stored[1:]),
        )
    )


def copied(source: Repository, target: Repository, *names: str) -> list[Item]:
    """Copy, and return what became of each point."""
    return carry_out(source, target, plan_copy(source, target, names), SilentReporter())


def states(items: list[Item]) -> list[State]:
    """Return what became of each."""
    return [item.state for item in items]


def entries(point: RestorePoint) -> list[FileEntry]:
    """Return the files of both sources."""
    return [entry for source in (point.redis, point.faiss) if source for entry in source.files]


def restored(repository: Repository, ref: PointRef, folder: Path) -> dict[str, bytes]:
    """Return the files of a point, restored."""
    repository.restore_files(entries(repository.load(ref)), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def opened_both(one: str | None, other: str | None) -> tuple[Repository, Repository, InMemoryStore]:
    """Make a source and a target, and return the store below the source."""
    store = InMemoryStore()
    source = Repository.create(store, passphrase=of_kind(one))
    return source, Repository.create(InMemoryStore(), passphrase=of_kind(other)), store


@pytest.mark.parametrize(("one", "other"), WAYS, ids=NAMES)
def test_a_copy_is_the_same_and_a_second_one_copies_nothing(
    one: str | None, other: str | None, tmp_path: Path
) -> None:
    """Every file, and all that the manifest says but for the objects; the source is only read."""
    source, target, store = opened_both(one, other)
    refs = [take(source, FILES), take(source, {**FILES, "two": b"changed"}, minutes=5)]
    reader = Repository.open(ReadOnlyStore(store.values), of_kind(one))
    items = copied(reader, target)
    assert states(items) == [State.COPIED, State.COPIED]
    assert [item.ref for item in items] == refs[::-1]
    assert [item.copy for item in items] == [ref.id for ref in target.points()]
    assert alike(source, target) is (one is None and other is None)
    assert ([ref.id for ref in target.points()] == [ref.id for ref in refs[::-1]]) is alike(source, target)
    for was, made in zip(source.points(), target.points(), strict=True):
        assert essence(source.load(was)) == essence(target.load(made))
        assert (made.time, made.host, made.label, made.size) == (was.time, was.host, was.label, was.size)
    assert restored(target, target.points()[1], tmp_path) == FILES
    before = {one.key for one in target.store.list()}
    again = copied(reader, target)
    assert states(again) == [State.PRESENT, State.PRESENT]
    assert [item.copy for item in again] == [item.copy for item in items]
    assert {one.key for one in target.store.list()} == before


def test_other_cuts_are_stored_anew(tmp_path: Path) -> None:
    """Both plain, but files are cut otherwise: then the manifest has other objects, and is found again."""
    source, made, _ = opened_both(None, None)
    small = ChunkerConfig(minimum=1024, average=4096, maximum=16384)
    target = replace(made, config=made.config.model_copy(update={"chunker": small}))
    target.store.put("config", target.config.model_dump_json().encode(), replace=True)
    take(source, FILES)
    assert states(copied(source, target)) == [State.COPIED]
    assert len(list(target.store.list("objects/"))) > 5 * len(list(source.store.list("objects/")))
    assert states(copied(source, target)) == [State.PRESENT]
    assert restored(target, target.points()[0], tmp_path) == FILES


def test_points_are_chosen_by_name(tmp_path: Path) -> None:
    """Only those; twice the same is once; one that is not there is nothing."""
    source, target, _ = opened_both(None, OTHER)
    refs = [take(source, {"f": bytes([number])}, minutes=number) for number in range(3)]
    assert states(copied(source, target, refs[1].short, refs[1].id)) == [State.COPIED]
    assert [ref.time for ref in target.points()] == [refs[1].time]
    with pytest.raises(NothingError):
        copied(source, target, "ffff")
    assert restored(target, target.points()[0], tmp_path) == {"f": b"\1"}


@pytest.mark.parametrize("other", [None, OTHER], ids=["to plain", "to encrypted"])
def test_a_copy_is_not_proven_by_the_proof_of_the_original(other: str | None) -> None:
    """What was booted lies elsewhere."""
    source, target, _ = opened_both(None, other)
    ref = take(source, FILES)
    source.add_proof(Proof(point=ref.id, level=3, good=True, started=NOON, seconds=1, software={}))
    (item,) = copied(source, target)
    assert item.copy
    assert source.standing(ref.id) is Standing.PROVEN
    assert target.standing(item.copy) is Standing.UNPROVEN
    assert list(target.store.list("proofs/")) == []


@pytest.mark.parametrize("other", [None, OTHER], ids=["to plain", "to encrypted"])
def test_a_damaged_point_is_not_copied_and_keeps_no_other(other: str | None) -> None:
    """A flipped byte is found on the way, in an object and in a manifest; the others are there."""
    source, target, store = opened_both(None, other)
    good, broken, unread = (take(source, {"f": FRESH.randbytes(5000)}, minutes=number) for number in range(3))
    (entry, *_) = entries(source.load(broken))
    key = object_key(entry.objects[0])
    store.values[key] = store.values[key][:-1] + bytes([store.values[key][-1] ^ 1])
    store.values[unread.key] += b" "
    items = copied(source, target)
    assert states(items) == [State.DAMAGED, State.DAMAGED, State.COPIED]
    assert items[0].problem
    assert entry.objects[0] in str(items[1].problem)
    assert [ref.time for ref in target.points()] == [good.time]


@pytest.mark.parametrize("one", [None, PHRASE], ids=["as stored", "stored anew"])
def test_a_wrong_sum_in_the_source_is_found(one: str | None) -> None:
    """Where files are read anew, their SHA-256 is compared; objects alone would not show it."""
    source, target, _ = opened_both(one, None)
    ref = take(source, {"f": b"right"})
    point = source.load(ref)
    assert point.redis
    wrong = point.redis.files[0].model_copy(update={"sha256": "0" * 64})
    source.forget(ref)
    source.publish(point.model_copy(update={"redis": point.redis.model_copy(update={"files": (wrong,)})}))
    expected = State.COPIED if one is None else State.DAMAGED
    assert states(copied(source, target)) == [expected]
    assert len(target.points()) == (one is None)


@pytest.mark.parametrize("other", [None, OTHER], ids=["to plain", "to encrypted"])
def test_a_copy_that_lost_objects_is_made_whole(other: str | None, tmp_path: Path) -> None:
    """Its manifest alone is no copy."""
    source, target, _ = opened_both(None, other)
    take(source, FILES)
    copied(source, target)
    for stored in list(target.store.list("objects/"))[::2]:
        target.store.delete(stored.key)
    assert states(copied(source, target)) == [State.COPIED]
    assert len(target.points()) == 1
    assert restored(target, target.points()[0], tmp_path) == FILES


def test_a_point_that_is_forgotten_meanwhile_is_no_damage() -> None:
    """Neither before it is read, nor when a prune has taken its objects."""
    source, target, store = opened_both(None, None)
    refs = [take(source, {"f": bytes([number]) * 99}, minutes=number) for number in range(2)]
    plan = plan_copy(source, target, [])
    source.forget(refs[1])
    late = source.load(refs[0])

    class Forgetting(Repository):
        """It forgets its point while that is copied."""

        def load(self, ref: PointRef) -> RestorePoint:
            """Give what was there."""
            if ref != refs[0]:
                return super().load(ref)
            source.forget(ref)
            for key in [key for key in store.values if key.startswith("objects/")]:
                del store.values[key]
            return late

    losing = Forgetting(source.store, source.config)
    assert states(carry_out(losing, target, plan, SilentReporter())) == [State.GONE, State.GONE]
    assert target.points() == []


def test_a_prune_of_the_target_meanwhile_is_made_good() -> None:
    """What was there when it was listed, and is deleted before the point is published, is copied then."""
    kept, source = Kept(), Repository.create(InMemoryStore())
    kept.repository.forget(kept.backup(b"found there"))
    take(source, {"f": b"found there", "g": b"not there"})
    plan = plan_copy(source, kept.repository, [])
    for _ in range(2):
        kept.clock.wait(DAY)
        kept.repository.prune()
    assert kept.objects() == set()
    assert states(carry_out(source, kept.repository, plan, SilentReporter())) == [State.COPIED]
    (ref,) = kept.repository.points()
    assert kept.repository.check_bytes(kept.repository.load(ref)) == []


@pytest.mark.parametrize(("one", "other"), WAYS, ids=NAMES)
def test_a_failure_at_every_step(one: str | None, other: str | None) -> None:
    """Whichever change fails, no half point is to be seen; run again, it goes on and ends."""
    source, _, _ = opened_both(one, None)
    for number in range(2):
        take(source, {"old": b"o" * 999, "new": bytes([number]) * 999}, minutes=number)
    store = InMemoryStore()
    Repository.create(store, passphrase=of_kind(other))
    completed = 0
    for works in range(16):
        failing = DyingStore(dict(store.values), works)
        target = Repository.open(failing, of_kind(other))
        try:
            copied(source, target)
            completed += 1
        except OpsError:
            pass
        for ref in target.points():
            assert target.check_bytes(target.load(ref)) == []
        objects = {one.key for one in target.store.list("objects/")}
        failing.works = 1000
        items = copied(source, target)
        assert set(states(items)) <= {State.COPIED, State.PRESENT}
        assert len(target.points()) == 2
        new = {one.key for one in target.store.list("objects/")} - objects
        assert sum(item.figures.objects_new for item in items) == len(new)
    assert 0 < completed < 16


def test_no_point_is_nothing() -> None:
    """An empty source is said to be one."""
    source, target, _ = opened_both(None, None)
    with pytest.raises(NothingError):
        plan_copy(source, target, [])


def test_a_target_that_was_made_anew_is_not_written_to() -> None:
    """The guard of every publication."""
    source, target, _ = opened_both(None, None)
    take(source, FILES)
    other = Repository.create(InMemoryStore())
    target.store.put("config", other.store.get("config", limit=10**6), replace=True)
    with pytest.raises(OpsError, match="made anew"):
        copied(source, target)
    assert target.points() == []
