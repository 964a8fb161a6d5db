"""Repair says what is lost, takes it from a copy or lets it come anew, and keeps all that is whole."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from pipelines.ops.copying import carry_out as copy_all
from pipelines.ops.copying import plan_copy
from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.model import FaissSource, FileEntry, Proof
from pipelines.ops.repairing import Done, Findings, Kind, carry_out, find
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import InMemoryStore, PointRef, Repository, Standing
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.losing import remove
from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.store import ArchivedError, UnreadableError
from tests.ops.repository.dying import DyingStore
from tests.ops.repository.keeping import NOON
from tests.ops.repository.test_copying import FRESH, take
from tests.passphrases import KINDS, OTHER, of_kind

CONTENTS = {name: FRESH.randbytes(5000) for name in ("first", "second", "shared")}


@dataclass
class Laid:
    """A repository with two points that share a file, and the store below it."""

    store: InMemoryStore
    repository: Repository
    old: PointRef
    new: PointRef
    kind: str | None

    def key(self, name: str) -> str:
        """Return the key of the object of a file."""
        for ref in (self.old, self.new):
            for entry in files(self.repository, ref):
                if entry.path == name:
                    return object_key(entry.objects[0])
        raise KeyError(name)

    def flip(self, name: str) -> None:
        """Change the last bit of that object, as a disk does."""
        key = self.key(name)
        self.store.values[key] = self.store.values[key][:-1] + bytes([self.store.values[key][-1] ^ 1])

    def copy(self) -> Repository:
        """Return a copy, file by file, which has the same ids."""
        store = InMemoryStore()
        store.values = dict(self.store.values)
        return Repository.open(store, of_kind(self.kind))

    def find(self, other: Repository | None = None, *, quick: bool = False) -> Findings:
        """Look for what is lost."""
        return find(self.repository, other=other, quick=quick, reporter=SilentReporter())

    def repair(self, other: Repository | None = None, *, forget: bool = False, quick: bool = False) -> Done:
        """Look, and repair."""
        found = self.find(other, quick=quick)
        return carry_out(
            self.repository, found, other=other, forget=forget, quick=quick, reporter=SilentReporter(),
            now=lambda: NOON + timedelta(hours=1),
        )  # fmt: skip  # as few lines as possible

    def whole(self, *refs: PointRef) -> bool:
        """Tell whether these points are there and every byte of them."""
        listed = {ref.key for ref in self.repository.points() if not ref.problem}
        return all(
            ref.key in listed and self.repository.check_bytes(self.repository.load(ref)) == [] for ref in refs
        )


def files(repository: Repository, ref: PointRef) -> list[FileEntry]:
    """Return the files of a point."""
    point = repository.load(ref)
    return [entry for source in (point.redis, point.faiss) if source for entry in source.files]


@pytest.fixture(params=KINDS, ids=["plain", "encrypted"])
def laid(request: pytest.FixtureRequest) -> Laid:
    """Lay a repository of each kind."""
    store = InMemoryStore()
    repository = Repository.create(store, passphrase=of_kind(request.param))
    old = take(repository, {"first": CONTENTS["first"], "shared": CONTENTS["shared"]})
    new = take(repository, {"second": CONTENTS["second"], "shared": CONTENTS["shared"]}, minutes=5)
    return Laid(store, repository, old, new, request.param)


def lost(found: Findings) -> set[str]:
    """Return the keys of the objects that are lost."""
    return {object_key(one.identity) for one in found.losses}


def test_what_is_whole_is_left_as_it_is(laid: Laid) -> None:
    """Nothing is lost, and nothing is changed."""
    before = dict(laid.store.values)
    for quick in (False, True):
        found = laid.find(quick=quick)
        assert (found.whole, found.objects, found.losses, found.broken) == (True, 3, (), ())
        laid.repair(quick=quick, forget=True)
    assert laid.store.values == before


def test_damage_is_named_with_the_points_that_need_it(laid: Laid) -> None:
    """A flipped bit and a missing object; the file and the point of each; --quick sees only the latter."""
    laid.flip("first")
    del laid.store.values[laid.key("second")]
    found = laid.find()
    assert lost(found) == {laid.key("first"), laid.key("second")}
    assert {one.ref.id: one.files for one in found.broken} == {
        laid.old.id: ("redis: first",),
        laid.new.id: ("redis: second",),
    }
    quick = laid.find(quick=True)
    assert lost(quick) == {laid.key("second")}
    assert [one.ref.id for one in quick.broken] == [laid.new.id]


def test_a_rotten_object_comes_anew_with_the_next_backup(laid: Laid) -> None:
    """Without repair every later backup would take it for good; after it every point is whole again."""
    laid.flip("shared")

    def backup(minutes: int) -> PointRef:
        return take(laid.repository, {"shared": CONTENTS["shared"]}, minutes=minutes)

    poisoned = backup(7)
    assert not laid.whole(poisoned)
    done = laid.repair()
    assert {object_key(one) for one in done.removed} == {laid.key("shared")}
    again = backup(9)
    assert laid.whole(laid.old, laid.new, poisoned, again)


def test_a_rotten_object_that_nobody_needs_goes_too(laid: Laid) -> None:
    """A later backup would use it."""
    laid.flip("second")
    key = laid.key("second")
    laid.repository.forget(laid.new)
    found = laid.find()
    assert [one.needed for one in found.losses] == [False]
    assert found.broken == ()
    laid.repair()
    assert key not in laid.store.values
    assert laid.whole(laid.old)


def test_a_broken_point_is_no_longer_taken_for_proven(laid: Laid) -> None:
    """It stays, and a failed proof is laid beside it, once; what is whole keeps its standing."""
    for ref in (laid.old, laid.new):
        laid.repository.add_proof(
            Proof(point=ref.id, level=3, good=True, started=ref.time, seconds=1, software={})
        )
    laid.flip("first")
    for _ in range(2):
        laid.repair()
    assert laid.repository.standing(laid.old.id) is Standing.DAMAGED
    assert laid.repository.standing(laid.new.id) is Standing.PROVEN
    assert len(laid.repository.proofs(laid.old.id)) == 2


def test_broken_points_are_forgotten_when_that_is_asked(laid: Laid) -> None:
    """Those that cannot be restored whole, and unreadable manifests; no other."""
    laid.flip("first")
    third = take(laid.repository, {"third": b"third"}, minutes=9)
    laid.store.values[third.key] += b"?"
    laid.repair(forget=False)
    assert len(laid.repository.points()) == 3
    done = laid.repair(forget=True)
    assert done.forgotten == {laid.old.key, third.key}
    assert [ref.id for ref in laid.repository.points()] == [laid.new.id]
    assert laid.whole(laid.new)
    laid.repository.prune()


def test_a_copy_gives_what_is_lost(laid: Laid) -> None:
    """Objects that are rotten or gone, and a manifest; every point is whole, and nothing is deleted."""
    copy = laid.copy()
    laid.flip("first")
    del laid.store.values[laid.key("shared")]
    laid.store.values[laid.new.key] = b"rubbish"
    found = laid.find(copy)
    assert (found.broken, found.removable, found.hopeless) == ((), (), ())
    assert {ref.key for ref in found.mended} == {laid.old.key, laid.new.key}
    assert laid.store.values[laid.new.key] == b"rubbish"
    laid.repair(copy, forget=True)
    assert laid.whole(laid.old, laid.new)
    assert laid.find().whole


def test_a_copy_that_is_damaged_too_gives_only_what_is_whole(laid: Laid) -> None:
    """Nothing that is not verified is put."""
    laid.flip("first")
    copy = laid.copy()
    laid.flip("second")
    done = laid.repair(copy)
    assert {object_key(one) for one in done.taken} == {laid.key("second")}
    assert laid.whole(laid.new)
    assert not laid.whole(laid.old)
    assert {object_key(one) for one in done.removed} == {laid.key("first")}


def test_a_manifest_of_the_copy_whose_objects_are_gone_is_broken(laid: Laid) -> None:
    """What it needs counts, though it was not readable here."""
    copy = laid.copy()
    key = laid.key("second")
    for values in (laid.store.values, below(copy).values):
        del values[key]
    laid.store.values[laid.new.key] = b"rubbish"
    found = laid.find(copy)
    assert [one.ref.key for one in found.broken] == [laid.new.key]
    assert found.mended == ()


def below(repository: Repository) -> InMemoryStore:
    """Return the store below a repository."""
    store = getattr(repository.store, "below", repository.store)
    assert isinstance(store, InMemoryStore)
    return store


def test_a_copy_with_other_ids_is_refused_and_the_way_around_it_works(laid: Laid) -> None:
    """Repair removes what is rotten; a copy back from there lays it anew."""
    other = Repository.create(InMemoryStore(), passphrase=of_kind(OTHER))
    copy_all(laid.repository, other, plan_copy(laid.repository, other, []), SilentReporter())
    laid.flip("shared")
    with pytest.raises(RefusedError, match="otherwise") as caught:
        laid.find(other)
    assert "synapse copy" in caught.value.hint
    laid.repair()
    copy_all(other, laid.repository, plan_copy(other, laid.repository, []), SilentReporter())
    assert laid.whole(laid.old, laid.new)
    assert len(laid.repository.points()) == 2


def test_a_newer_manifest_and_a_wrong_name_are_never_given_up(laid: Laid) -> None:
    """The one is whole for a newer Synapse, the other but for its name."""
    if laid.kind:
        pytest.skip("what is sealed does not open under another name")
    data = laid.store.values[laid.old.key].replace(b'"format":1', b'"format":9')
    newer = f"points/20270101T000000.000000Z-{digest(data)}.json"
    moved = laid.new.key.replace("20260708", "20260709")
    laid.store.values[newer] = data
    laid.store.values[moved] = laid.store.values.pop(laid.new.key)
    laid.store.values["points/notes.json"] = b"hello"
    kinds = {one.ref.key: one.kind for one in laid.find().manifests}
    assert kinds == {newer: Kind.NEWER, moved: Kind.MISNAMED, "points/notes.json": Kind.MISNAMED}
    assert laid.repair(forget=True).forgotten == set()
    assert {newer, moved, "points/notes.json"} <= set(laid.store.values)


def test_strays_are_named_and_left(laid: Laid) -> None:
    """In the folders of the format alone: what lies beside them is somebody's own."""
    for key in ("objects/aa/not-ours", "proofs/notes", "condemned/x", "README.md"):
        laid.store.values[key] = b"mine"
    found = laid.find()
    assert found.strays == ("condemned/x", "objects/aa/not-ours", "proofs/notes")
    laid.repair(forget=True)
    assert laid.store.values["objects/aa/not-ours"] == b"mine"


class Hurt(InMemoryStore):
    """One where reading an object fails, as often as it is told."""

    error: Callable[[str, str], OpsError] = UnreadableError
    left = 0

    def get(self, key: str, *, limit: int) -> bytes:
        """Return a value, or fail."""
        if key.startswith("objects/") and self.left:
            self.left -= 1
            raise self.error(f"{key} fails.", "")
        return super().get(key, limit=limit)


def hurt(laid: Laid, error: Callable[[str, str], OpsError], times: int) -> Laid:
    """Let reads fail."""
    store = Hurt()
    store.values, store.error, store.left = laid.store.values, error, times
    return replace(laid, store=store, repository=Repository.open(store, of_kind(laid.kind)))


def test_one_failed_read_is_no_damage(laid: Laid) -> None:
    """What seems lost is read a second time before anything is done."""
    failing = hurt(laid, UnreadableError, 1)
    assert failing.find().whole
    assert failing.store.values == laid.store.values


def test_a_bad_sector_stands_in_no_way(laid: Laid) -> None:
    """An object that cannot be read at all goes, like one with wrong bytes."""
    failing = hurt(laid, UnreadableError, 10**6)
    found = failing.find()
    assert len(found.removable) == 3
    assert len(found.broken) == 2


def test_what_the_store_has_archived_is_not_lost(laid: Laid) -> None:
    """It is named, and neither deleted nor a reason to forget."""
    failing = hurt(laid, ArchivedError, 10**6)
    before = dict(laid.store.values)
    found = failing.find()
    assert [one.archived for one in found.losses] == [True] * 3
    assert (found.removable, found.broken) == ((), ())
    failing.repair(forget=True)
    assert laid.store.values == before


def test_what_was_put_again_meanwhile_is_not_deleted(laid: Laid) -> None:
    """By a backup, or by another repair, since it was read."""
    laid.flip("first")
    (loss,) = laid.find().losses
    key = laid.key("first")
    laid.store.times[key] = 10**10
    assert not remove(laid.repository.store, loss)
    assert key in laid.store.values


def test_a_point_that_became_whole_meanwhile_is_not_forgotten(laid: Laid) -> None:
    """A backup laid the object anew between the look and the act."""
    good = laid.store.values[laid.key("first")]
    laid.flip("first")
    found = laid.find()
    laid.store.values[laid.key("first")] = good
    laid.store.times[laid.key("first")] = 10**10
    done = carry_out(laid.repository, found, other=None, forget=True, quick=False, reporter=SilentReporter())
    assert done == Done()
    assert laid.whole(laid.old, laid.new)


@pytest.mark.parametrize("with_copy", [False, True], ids=["alone", "from a copy"])
def test_a_failure_at_every_step(laid: Laid, *, with_copy: bool) -> None:
    """Whichever change fails: what was whole is whole, and repair run again ends it."""
    copy = laid.copy() if with_copy else None
    third = take(laid.repository, {"third": b"third"}, minutes=9)
    laid.flip("first")
    del laid.store.values[laid.key("second")]
    completed = 0
    for works in range(12):
        failing = DyingStore(dict(laid.store.values), works)
        failing.times = dict(laid.store.times)
        one = replace(laid, store=failing, repository=Repository.open(failing, of_kind(laid.kind)))
        try:
            one.repair(copy, forget=True)
            completed += 1
        except OpsError:
            pass
        assert one.whole(third)
        failing.works = 1000
        one.repair(copy, forget=True)
        assert one.find().whole
        assert one.whole(third, *([laid.old, laid.new] if with_copy else []))
        assert len(one.repository.points()) == (3 if with_copy else 1)
    assert 0 < completed < 12


def test_objects_of_files_only(laid: Laid) -> None:
    """An empty file needs none, so a point of empty files is never broken."""
    entry = laid.repository.store_files([("empty", io.BytesIO(b""))]).files
    point = laid.repository.load(laid.old)
    faiss = FaissSource(way="folder", files=entry)
    ref = laid.repository.publish(point.model_copy(update={"redis": None, "faiss": faiss}))
    for key in [key for key in laid.store.values if key.startswith("objects/")]:
        del laid.store.values[key]
    assert laid.repair(forget=True).forgotten == {laid.old.key, laid.new.key}
    assert laid.whole(ref)
