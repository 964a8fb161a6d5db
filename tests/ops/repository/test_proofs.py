"""A point is proven only by its newest proofs, and a proof that cannot be trusted proves nothing."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from pipelines.ops.errors import DamagedError, NothingError, UsageError
from pipelines.ops.model import Proof
from pipelines.ops.repository import InMemoryStore, ObjectStore, Repository, Standing
from pipelines.ops.repository.sealed import SealedStore, seen_alike

POINT = "ab" * 32
Level = Literal[1, 2, 3]


def proof(minutes: int, level: Level, *, good: bool, point: str = POINT) -> Proof:
    """Make the proof of a check that began some minutes after noon."""
    started = datetime(2026, 7, 8, 12, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    return Proof(point=point, level=level, good=good, started=started, seconds=1.5, software={})


def copy_of(repository: Repository) -> Repository:
    """Return an empty copy of a repository, with its keys where it has any."""
    return Repository(seen_alike(repository.store, InMemoryStore()), repository.config)


def below(store: ObjectStore) -> ObjectStore:
    """Return what is stored as it is, sealed or not: what a copy is to those who keep its proofs."""
    return store.below if isinstance(store, SealedStore) else store


@pytest.mark.parametrize(
    ("checks", "standing"),
    [
        ([], Standing.UNPROVEN),
        ([(1, True), (2, True)], Standing.UNPROVEN),
        ([(3, True)], Standing.PROVEN),
        ([(3, True), (1, True), (2, True)], Standing.PROVEN),
        ([(3, True), (1, False)], Standing.DAMAGED),
        ([(3, True), (2, False), (1, True)], Standing.DAMAGED),
        ([(3, True), (2, False), (2, True)], Standing.PROVEN),
        ([(3, False), (3, True)], Standing.PROVEN),
        ([(3, True), (3, False)], Standing.DAMAGED),
    ],
)
def test_what_proofs_make_of_a_point(
    repository: Repository, checks: list[tuple[Level, bool]], standing: Standing
) -> None:
    """The newest word counts, and a failed check stands until one as thorough passes."""
    for minutes, (level, good) in enumerate(checks):
        repository.add_proof(proof(minutes, level, good=good))
    assert repository.standing(POINT) == standing


def test_proofs_are_listed_newest_last(repository: Repository) -> None:
    """They are kept by the time of the check, once each, and only for their point."""
    late, early = proof(9, 3, good=True), proof(1, 1, good=True)
    for one in (late, early, early, proof(5, 3, good=False, point="cd" * 32)):
        repository.add_proof(one)
    assert repository.proofs(POINT) == [early, late]


def test_a_changed_proof_proves_nothing(repository: Repository) -> None:
    """A changed byte, another name or another point makes it unreadable, and older ones do not count."""
    repository.add_proof(proof(1, 3, good=True))
    (kept,) = repository.store.list("proofs/")
    data = repository.store.get(kept.key, limit=10**6)
    for damaged in (data.replace(b"true", b"1   "), data[:-1], b""):
        repository.store.put(kept.key, damaged, replace=True)
        assert repository.standing(POINT) == Standing.UNPROVEN
        assert repository.proofs(POINT) == []
        assert len(repository.proof_problems(POINT)) == 1
    repository.store.put(kept.key, data, replace=True)
    repository.store.put(kept.key.replace(POINT, "cd" * 32), data)
    repository.store.put(f"proofs/{POINT}/zzz.json", data)
    assert repository.standing("cd" * 32) == Standing.UNPROVEN
    assert repository.standing(POINT) == Standing.UNPROVEN
    repository.add_proof(proof(2, 3, good=True))
    repository.store.delete(f"proofs/{POINT}/zzz.json")
    assert repository.standing(POINT) == Standing.PROVEN


def test_the_proofs_of_a_copy_are_kept(repository: Repository) -> None:
    """Those that are new, once; what was there stays."""
    copy = copy_of(repository)
    for one in (proof(1, 1, good=True), proof(2, 3, good=True), proof(3, 3, good=True, point="cd" * 32)):
        copy.add_proof(one)
    repository.add_proof(proof(1, 1, good=True))
    for _ in range(2):
        assert repository.keep_proofs(below(copy.store), POINT) == 2
    assert repository.proofs(POINT) == [proof(1, 1, good=True), proof(2, 3, good=True)]
    assert repository.proofs("cd" * 32) == []


def test_a_proof_that_was_changed_on_its_way_is_not_kept(repository: Repository) -> None:
    """Nor is any of the others; one that could not be read here before hinders nothing; none is an error."""
    copy = copy_of(repository)
    with pytest.raises(NothingError, match="no proof of abababababab"):
        repository.keep_proofs(below(copy.store), POINT)
    copy.add_proof(proof(2, 3, good=True))
    key = f"proofs/{POINT}/20260708T120000Z-{'0' * 64}.json"
    copy.store.put(key, b"{}")
    with pytest.raises(DamagedError, match="other bytes than its name says"):
        repository.keep_proofs(below(copy.store), POINT)
    assert repository.proofs(POINT) == []
    repository.store.put(key, b"{}")
    assert repository.keep_proofs(below(copy.store), POINT) == 1
    assert repository.proofs(POINT) == [proof(2, 3, good=True)]


@pytest.mark.parametrize("name", ["", "latest", "../..", "AB" * 32, "ab"])
def test_only_whole_ids_have_proofs(repository: Repository, name: str) -> None:
    """A proof is asked for by the id of a point, nothing else."""
    with pytest.raises(UsageError):
        repository.standing(name)


def test_a_proof_needs_a_time_zone(repository: Repository) -> None:
    """A time that could mean any hour is refused."""
    bare = proof(1, 3, good=True).model_copy(update={"started": datetime(2026, 7, 8)})  # noqa: DTZ001  # the point of it
    with pytest.raises(UsageError):
        repository.add_proof(bare)
