"""Prune deletes what no point needs, in two passes, and never what a backup uses meanwhile."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.ops.errors import DamagedError, OpsError, UnreachableError
from pipelines.ops.repository.condemned import put_list, put_record, read_lists, read_records
from pipelines.ops.repository.condemning import condemn
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.in_memory import InMemoryStore
from pipelines.ops.repository.store import Stored
from pipelines.ops.repository.tally import Tally
from pipelines.ops.repository.times import Times
from tests.ops.repository.keeping import DAY, HOUR, Kept, keys

OLD, BOTH, NEW = b"only in the old point", b"in both points", b"only in the new point"
TURN = 600.0


@pytest.fixture
def kept() -> Kept:
    """Two points a day apart, of which the old one is then forgotten; another day has passed."""
    kept = Kept()
    old = kept.backup(OLD, BOTH)
    kept.prove(old)
    kept.clock.wait(DAY)
    kept.backup(NEW, BOTH)
    kept.clock.wait(DAY)
    kept.repository.forget(old)
    return kept


def test_a_forgotten_point_is_gone_with_its_proofs(kept: Kept) -> None:
    """Its objects stay; forgetting it again is no error."""
    (left,) = kept.repository.points()
    assert kept.rest() == set()
    assert kept.objects() == keys(OLD, BOTH, NEW)
    kept.repository.forget(left)
    kept.repository.forget(left)
    assert kept.repository.points() == []


def test_the_first_pass_deletes_nothing(kept: Kept) -> None:
    """It lists what no point needs, and says how long that has to wait."""
    report = kept.repository.prune()
    assert kept.objects() == keys(OLD, BOTH, NEW)
    assert report.condemned == Tally(1, len(OLD) + 1)
    assert report.needed.objects == 2
    assert report.deleted == report.fresh == report.waiting == Tally()
    assert report.ripe_in == 12 * HOUR
    (listed,) = read_lists(kept.store)
    assert {f"objects/{one[:2]}/{one}" for one in listed.objects} == keys(OLD)


def test_the_second_pass_deletes_what_was_listed(kept: Kept) -> None:
    """After the grace time, and not a second before; then no list and no record is left."""
    kept.repository.prune()
    kept.clock.wait(12 * HOUR - 1)
    early = kept.repository.prune()
    assert (early.deleted, early.waiting.objects, early.ripe_in) == (Tally(), 1, 1.0)
    kept.clock.wait(1)
    report = kept.repository.prune()
    assert report.deleted == Tally(1, len(OLD) + 1)
    assert report.hidden is False
    assert report.ripe_in is None
    assert kept.objects() == keys(BOTH, NEW)
    assert kept.rest() == set()
    kept.check()


def test_a_dry_run_says_the_same_and_changes_nothing(kept: Kept) -> None:
    """In both passes."""
    for _ in range(2):
        before = {one.key: one.written for one in kept.store.list()}
        dry = kept.repository.prune(dry=True)
        assert {one.key: one.written for one in kept.store.list()} == before
        wet = kept.repository.prune()
        assert (dry.condemned, dry.deleted, dry.needed, dry.ripe_in) == (
            wet.condemned,
            wet.deleted,
            wet.needed,
            wet.ripe_in,
        )
        kept.clock.wait(12 * HOUR)


def test_what_is_young_is_not_condemned(kept: Kept) -> None:
    """A backup under way has put objects that no point needs yet."""
    kept.stored(b"of a backup that is still under way")
    report = kept.repository.prune()
    assert (report.fresh.objects, report.condemned.objects) == (1, 1)


def test_what_comes_back_is_put_again_and_stays(kept: Kept) -> None:
    """A backup that needs a condemned object puts it anew, also when the list is long ripe."""
    kept.repository.prune()
    kept.clock.wait(2 * DAY)
    kept.backup(OLD)
    assert kept.repository.prune().deleted == Tally()
    kept.check()


def test_a_backup_between_list_and_deletion_counts(kept: Kept) -> None:
    """A point that was published before the second pass is read by it, though nothing was put again."""
    stored = kept.stored(OLD)
    kept.repository.prune()
    kept.publish(stored, OLD)
    kept.clock.wait(12 * HOUR)
    assert kept.repository.prune().deleted == Tally()
    kept.check()


def test_a_backup_as_slow_as_both_passes_is_told(kept: Kept) -> None:
    """What it reused was deleted before it published: nothing of it shows, and the next run succeeds."""
    stored = kept.stored(OLD, NEW)
    kept.repository.prune()
    kept.clock.wait(12 * HOUR)
    kept.repository.prune()
    with pytest.raises(DamagedError, match="this backup needs it"):
        kept.publish(stored, OLD, NEW)
    assert len(kept.repository.points()) == 1
    kept.backup(OLD, NEW)
    kept.check()


def test_a_backup_waits_for_a_prune_that_may_delete_its_objects(kept: Kept) -> None:
    """It goes on when the record has gone, or is older than two turns; then it looks again."""
    kept.repository.prune()
    (listed,) = read_lists(kept.store)
    put_record(kept.store, "dead", datetime(2026, 7, 8, tzinfo=UTC), [listed.key])
    began = kept.clock()
    kept.backup(NEW)
    assert kept.clock() - began < 1
    kept.backup(OLD)
    assert 2 * TURN < kept.clock() - began < 2 * TURN + 10


def test_a_record_of_an_unseen_list_holds_up_everybody(kept: Kept) -> None:
    """It may condemn anything; so does a record that cannot be read."""
    began = kept.clock()
    put_record(kept.store, "dead", datetime(2026, 7, 8, tzinfo=UTC), ["condemned/gone.json"])
    kept.backup(NEW)
    assert kept.clock() - began > 2 * TURN
    began = kept.clock()
    kept.store.put("prunes/nonsense", b"nonsense")
    kept.backup(NEW)
    assert kept.clock() - began > 2 * TURN


def test_an_object_deleted_during_the_wait_is_missed(kept: Kept) -> None:
    """A prune that had looked before the object was put again deletes it: the backup says so."""
    kept.repository.prune()
    (listed,) = read_lists(kept.store)
    record = put_record(kept.store, "slow", datetime(2026, 7, 8, tzinfo=UTC), [listed.key])

    def the_other_deletes(seconds: float) -> None:
        kept.clock.wait(seconds)
        for key in (*keys(OLD), record):
            kept.store.delete(key)

    kept.repository = replace(kept.repository, pace=Pace(Times(), the_other_deletes))
    with pytest.raises(DamagedError, match="this backup needs it"):
        kept.backup(OLD)


def test_what_was_put_again_waits_anew(kept: Kept) -> None:
    """A list that is older than an object does not condemn it, though no point needs it any more."""
    kept.repository.prune()
    kept.clock.wait(DAY)
    kept.repository.forget(kept.backup(OLD))
    assert kept.repository.prune().deleted == Tally()
    assert kept.objects() == keys(OLD, BOTH, NEW)


class Meanwhile(InMemoryStore):
    """A store in which something happens once, when somebody lists a folder or puts into it."""

    def __init__(self, store: InMemoryStore, now: Callable[[], float], folder: str) -> None:
        super().__init__(now=now)
        self.values, self.times = store.values, store.times
        self.happens: list[Callable[[], object]] = []
        self._folder = folder

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """List, after what happens meanwhile."""
        self._come_to(prefix)
        return super().list(prefix)

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Put, after what happens meanwhile."""
        self._come_to(key)
        super().put(key, data, replace=replace)

    def _come_to(self, key: str) -> None:
        if key.startswith(self._folder) and self.happens:
            self.happens.pop()()


def test_a_list_that_a_backup_did_not_see_spares_its_point(kept: Kept) -> None:
    """It was made after the backup had read the lists, so nothing was put again: the point itself is read."""
    assert isinstance(kept.store, InMemoryStore)
    other = kept.repository
    meanwhile = Meanwhile(kept.store, kept.clock, "prunes/")
    meanwhile.happens.append(other.prune)
    kept.use(meanwhile)
    kept.backup(OLD)
    kept.clock.wait(12 * HOUR)
    (listed,) = read_lists(kept.store)
    assert {f"objects/{one[:2]}/{one}" for one in listed.objects} == keys(OLD)
    assert kept.repository.prune().deleted == Tally()
    kept.check()


def test_a_list_that_another_prune_ended_is_not_carried_out(kept: Kept) -> None:
    """A backup that begins now cannot see it any more, and would rely on what it condemns."""
    stored = kept.stored(OLD)
    kept.repository.prune()
    again = kept.publish(stored, OLD)
    kept.clock.wait(12 * HOUR)
    assert isinstance(kept.store, InMemoryStore)
    (listed,) = read_lists(kept.store)
    kept.store.times.update(dict.fromkeys(keys(OLD), listed.written - 1))
    meanwhile = Meanwhile(kept.store, kept.clock, "prunes/")
    other = kept.repository

    def another() -> None:
        assert other.prune().deleted == Tally()  # it reads the point, and is done with the list
        other.forget(again)

    meanwhile.happens.append(another)
    kept.use(meanwhile)
    report = kept.repository.prune()
    assert (report.deleted, report.condemned.objects) == (Tally(), 1)


class Slow(InMemoryStore):
    """A store in which some puts take long."""

    def __init__(
        self, values: dict[str, bytes], wait: Callable[[float], None], now: Callable[[], float]
    ) -> None:
        super().__init__(now=now)
        self.values = values
        self.delay = 0.0
        self._wait = wait

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Put a manifest late."""
        if key.startswith("points/"):
            self._wait(self.delay)
        super().put(key, data, replace=replace)


def test_a_manifest_that_comes_too_late_is_taken_back(kept: Kept) -> None:
    """A machine that slept in the middle of publishing leaves no point; one that was there stays."""
    slow = Slow(kept.store.values, kept.clock.wait, kept.clock)  # type: ignore[attr-defined]  # in memory
    kept.use(slow)
    there = kept.repository.points()
    slow.delay = 11 * HOUR + 55 * 60
    with pytest.raises(OpsError, match="so long"):
        kept.backup(NEW)
    assert kept.repository.points() == there
    point = kept.repository.load(there[0])
    with pytest.raises(OpsError, match="so long"):
        kept.repository.publish(point)
    assert kept.repository.points() == there
    slow.delay = 11 * HOUR
    kept.backup(NEW)


def test_an_unreadable_manifest_stops_it(kept: Kept) -> None:
    """What it needs is not known, so nothing is deleted until it is forgotten by name."""
    kept.repository.prune()
    kept.clock.wait(DAY)
    (ref,) = kept.repository.points()
    whole = kept.store.get(ref.key, limit=10_000)
    kept.store.put(ref.key, whole[:-1], replace=True)
    with pytest.raises(DamagedError, match="nothing is deleted"):
        kept.repository.prune()
    assert kept.objects() == keys(OLD, BOTH, NEW)
    assert list(read_records(kept.store)) == []
    kept.repository.forget(ref)
    kept.repository.prune()
    assert kept.objects() == keys(BOTH, NEW)


def test_what_a_crash_left_is_cleared(kept: Kept) -> None:
    """Records of the dead, lists that cannot be read, proofs without their point."""
    put_record(kept.store, "dead", datetime(2026, 7, 8, tzinfo=UTC), [])
    kept.store.put("condemned/nonsense", b"nonsense")
    kept.store.put(f"proofs/{'ab' * 32}/x.json", b"{}")
    assert kept.repository.prune().proofs == 1
    kept.clock.wait(DAY)
    kept.repository.prune()
    assert kept.rest() == set()


def test_foreign_ids_in_a_list_reach_no_other_key(kept: Kept) -> None:
    """A forged list can only name objects."""
    put_list(kept.store, datetime(2026, 7, 8, tzinfo=UTC), ["../config", "config", "x" * 64])
    kept.clock.wait(DAY)
    kept.repository.prune()
    assert kept.store.size("config")


def test_a_list_has_a_bounded_size(kept: Kept) -> None:
    """More condemned objects than one list takes make more lists, and all are carried out."""
    with_old = len(kept.objects())
    ids = sorted(key.rpartition("/")[2] for key in kept.objects())
    condemn(kept.store, ids, datetime(2026, 7, 8, tzinfo=UTC), most=2)
    assert sorted(len(one.objects) for one in read_lists(kept.store)) == [1, 2]
    kept.clock.wait(DAY)
    for ref in kept.repository.points():
        kept.repository.forget(ref)
    assert kept.repository.prune().deleted.objects == with_old == 3


def test_who_must_not_wait_later_waits_before(kept: Kept) -> None:
    """For a prune that died while it deleted, for two turns and no longer; for none, not at all."""
    told: list[str] = []
    kept.repository.outlast_prunes(told.append)
    assert told == []
    put_record(kept.store, "dead", kept.clock.machine(), [])
    began = kept.clock()
    kept.repository.outlast_prunes(told.append)
    assert len(told) == 1
    assert "20 minutes" in told[0]
    assert 2 * TURN < kept.clock() - began <= 2 * TURN + 2


def test_a_point_whose_store_does_not_answer_is_not_taken_for_another(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a damaged nor for an unproven one: nobody may forget it for that."""
    (ref,) = kept.repository.points()
    kept.prove(ref)
    get = kept.store.get

    def away(key: str, *, limit: int) -> bytes:
        if key.startswith(folder):
            raise UnreachableError("The store does not answer.", "Try again.")
        return get(key, limit=limit)

    monkeypatch.setattr(kept.store, "get", away)
    folder = "proofs/"
    with pytest.raises(UnreachableError):
        kept.repository.standing(ref.id)
    folder = "points/"
    with pytest.raises(UnreachableError):
        kept.repository.points()


def test_a_stray_copy_is_given_up_by_its_whole_name(kept: Kept) -> None:
    """What a prune says to type removes that copy, and no point whose name begins alike."""
    (ref,) = kept.repository.points()
    stray = f"{ref.key}.bak"
    kept.store.put(stray, kept.store.get(ref.key, limit=1 << 20))
    with pytest.raises(DamagedError) as raised:
        kept.repository.prune()
    typed = raised.value.hint.split("synapse forget ")[1].rstrip("`.")
    kept.repository.forget(kept.repository.resolve(typed))
    assert [one.key for one in kept.repository.points()] == [ref.key]
    kept.check()


def test_a_backup_waits_for_who_may_read_a_list_that_it_cannot(kept: Kept) -> None:
    """It does not take such a list for an empty one."""
    kept.repository.prune()
    (listed,) = read_lists(kept.store)
    kept.store.put(listed.key, b"{", replace=True)
    put_record(kept.store, "deleting", kept.clock.machine(), [listed.key])
    began = kept.clock()
    kept.backup(b"anything")
    assert kept.clock() - began > 2 * TURN
