"""Restore points are listed newest first, found by what people type, and never hide each other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from pipelines.ops.errors import DamagedError, NothingError, UsageError
from pipelines.ops.model import Canary, FaissSource, FileEntry, IndexFacts, RestorePoint
from pipelines.ops.repository import PointRef, Repository
from pipelines.ops.repository.objects import object_key

Publish = Callable[..., PointRef]
EAST = timezone(timedelta(hours=2))
STARTED = datetime(2026, 7, 8, 14, 0, tzinfo=EAST)


def point(*files: FileEntry, started: datetime = STARTED, score: float = 0.5) -> RestorePoint:
    """Make a manifest of some entries."""
    canary = Canary(vector="AAAA", ids=(1,), scores=(score,))
    facts = IndexFacts(path=None, index_type="Flat", dimension=1, metric="ip", count=1, canaries=(canary,))
    faiss = FaissSource(way="folder", indexes=(facts,), files=files)
    return RestorePoint(host="h", software={}, started=started, finished=started, faiss=faiss)


def test_a_point_says_what_it_holds(repository: Repository, publish: Publish) -> None:
    """A reference carries what a listing shows, and loads the manifest that was published."""
    ref = publish({"a": b"12345", "b": b""}, label="import")
    assert (ref.label, ref.host, ref.sources, ref.files, ref.size) == ("import", "here", ("faiss",), 2, 5)
    assert (ref.seconds, ref.problem) == (3.0, None)
    assert repository.points() == [ref]
    assert repository.load(ref).label == "import"
    assert ref.key == f"points/20260708T120000.000000Z-{ref.id}.json"


def test_newest_first(repository: Repository, publish: Publish) -> None:
    """The order is that of the moments, not of publishing."""
    refs = [publish({"a": b"x"}, minutes=minutes) for minutes in (5, 1, 9)]
    assert repository.points() == [refs[2], refs[0], refs[1]]


def test_other_time_zones_sort_by_the_moment(repository: Repository) -> None:
    """The name is in UTC whatever the manifest's zone is, and publishing again is as once."""
    ref = repository.publish(point())
    assert ref.key.startswith("points/20260708T120000.")
    assert repository.publish(point()) == ref
    assert repository.load(ref) == point()


def test_latest_is_no_safety_point(repository: Repository, publish: Publish) -> None:
    """What a restore replaced is not what the next restore wants."""
    newest = publish({"a": b"x"}, minutes=1)
    publish({"a": b"y"}, minutes=2, label="safety")
    assert repository.resolve("latest") == newest


def test_only_safety_points(repository: Repository, publish: Publish) -> None:
    """Then `latest` is nothing, and the hint shows how to name one."""
    ref = publish({"a": b"x"}, label="safety")
    with pytest.raises(NothingError) as caught:
        repository.resolve("latest")
    assert ref.short in caught.value.hint
    assert repository.resolve(ref.short) == ref


def test_a_point_of_the_future_is_not_the_latest(repository: Repository, publish: Publish) -> None:
    """A clock was or is wrong: what is newest cannot be told, and a person must name the point."""
    ref = publish({"a": b"x"})
    early = replace(repository, now=lambda: ref.time - timedelta(hours=1))
    with pytest.raises(DamagedError, match="still to come") as caught:
        early.resolve("latest")
    assert ref.short in caught.value.what
    assert "name the point" in caught.value.hint
    assert early.resolve(ref.short) == ref
    assert replace(repository, now=lambda: ref.time).resolve("latest") == ref


def test_nothing_to_resolve(repository: Repository, publish: Publish) -> None:
    """No points and no such point are different sentences of one kind."""
    with pytest.raises(NothingError, match="no restore points"):
        repository.resolve("latest")
    publish({"a": b"x"})
    for name in ("zzz", "2027", ""):
        with pytest.raises(NothingError, match="is called"):
            repository.resolve(name)


def test_ids_and_times_may_be_short(repository: Repository, publish: Publish) -> None:
    """The beginning of an id, or of a UTC time in any usual spelling, is enough when it is one point's."""
    ref, other = publish({"a": b"x"}, minutes=1), publish({"a": b"x"}, minutes=62)
    for name in (
        ref.id,
        ref.short,
        "2026-07-08T12",
        "2026-07-08 12:01",
        "20260708T1201",
        ref.time.isoformat()[:19],
    ):
        assert repository.resolve(name) == ref
    with pytest.raises(UsageError) as caught:
        repository.resolve("2026-07-08")
    assert ref.short in caught.value.what
    assert other.short in caught.value.what


def test_a_damaged_point_is_listed_and_hides_none(repository: Repository, publish: Publish) -> None:
    """Damage shows in the listing; other points are whole; `latest` does not quietly take an older one."""
    old, new = publish({"a": b"x"}, minutes=1), publish({"a": b"x"}, minutes=2)
    repository.store.put(new.key, b"{}", replace=True)
    repository.store.put("points/notes.json", b"hello")
    listed = repository.points()
    assert [(ref.id, ref.problem is None) for ref in listed] == [
        (new.id, False),
        (old.id, True),
        ("notes.json", False),
    ]
    with pytest.raises(DamagedError, match="newest"):
        repository.resolve("latest")
    with pytest.raises(DamagedError, match=new.id):
        repository.load(repository.resolve(new.short))
    assert repository.load(repository.resolve(old.short)).host == "here"


def test_a_damaged_copy_does_not_stand_in_the_way(repository: Repository, publish: Publish) -> None:
    """A manifest copied under another time is damaged there, and its id still means the good one."""
    ref = publish({"a": b"x"})
    data = repository.store.get(ref.key, limit=10**6)
    repository.store.put(ref.key.replace("20260708", "20270708"), data)
    assert repository.resolve(ref.id) == ref


def test_a_missing_object_stops_publishing(repository: Repository) -> None:
    """A manifest never names what is not there."""
    entry = FileEntry(path="a", size=1, sha256="0" * 64, objects=("ab" * 32,))
    with pytest.raises(DamagedError, match=object_key("ab" * 32)):
        repository.publish(point(entry))
    assert repository.points() == []


@pytest.mark.parametrize(
    "entry",
    [
        FileEntry(path="../a", size=0, sha256="0" * 64, objects=()),
        FileEntry(path="a", size=0, sha256="short", objects=()),
        FileEntry(path="a", size=1, sha256="0" * 64, objects=()),
        FileEntry(path="a", size=1, sha256="0" * 64, objects=("../../etc/passwd",)),
        FileEntry(path="a", size=2**40, sha256="0" * 64, objects=("ab" * 32,)),
    ],
)
def test_an_impossible_entry_is_not_published(repository: Repository, entry: FileEntry) -> None:
    """What a reader would refuse is not written."""
    with pytest.raises(UsageError):
        repository.publish(point(entry))


def test_what_json_cannot_hold_is_not_published(repository: Repository) -> None:
    """NaN, lone surrogates and times without a zone are refused before anything is written."""
    nothing = FileEntry(path="a", size=0, sha256="0" * 64, objects=())
    for bad in (
        point(score=float("nan")),
        point(started=STARTED.replace(tzinfo=None)),
        point(nothing.model_copy(update={"path": "\udc80"})),
    ):
        with pytest.raises(UsageError):
            repository.publish(bad)
    assert repository.points() == []
