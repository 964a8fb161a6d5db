"""Passphrases come and go; whatever dies on the way, and whoever works at once, one of them always opens."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest

from pipelines.ops.errors import NothingError, OpsError, RefusedError, UnreachableError, UsageError
from pipelines.ops.repository import FolderStore, InMemoryStore, Repository
from pipelines.ops.repository.encryption import NoPassphraseError, WrongPassphraseError
from pipelines.ops.repository.keyring import MAX_MADE, Keyring
from pipelines.ops.repository.store import ObjectStore, Stored
from tests.ops.repository.dying import DyingStore
from tests.passphrases import OTHER, PHRASE, cheap

THIRD = "a third phrase of ours"


def opens(store: ObjectStore, text: str) -> bool:
    """Tell whether a passphrase opens the repository."""
    try:
        Repository.open(store, cheap(text))
    except WrongPassphraseError:
        return False
    return True


def ring(store: ObjectStore, text: str = PHRASE) -> Keyring:
    """Open the keys with a passphrase."""
    return Keyring.open(store, cheap(text))


@pytest.fixture
def store() -> InMemoryStore:
    """Make an encrypted repository under one passphrase."""
    store = InMemoryStore()
    Repository.create(store, passphrase=cheap())
    return store


def test_each_passphrase_opens_the_same(store: InMemoryStore) -> None:
    """What was stored under the first is read under the second, and no derivation is made twice."""
    files = Repository.open(store, cheap()).store_files([]).files
    made = ring(store).add(cheap(OTHER), "machine-2")
    first, second = ring(store, OTHER).listed()
    assert (first.about.name, first.mine, second.about.name, second.mine) == (
        "first",
        False,
        "machine-2",
        True,
    )
    assert second.id == made.id
    assert ring(store).resolve("machine-2").id == ring(store).resolve(made.short).id == made.id
    phrase = cheap(OTHER)
    assert Repository.open(store, phrase).store_files([]).files == files
    assert len(phrase._known) == 1


def test_the_last_key_is_not_removed(store: InMemoryStore) -> None:
    """Not while it is the only one; one of two may go, and then it opens nothing."""
    only = ring(store).listed()[0]
    with pytest.raises(RefusedError, match="none would be left"):
        ring(store).remove(only.id)
    assert [key for key in store.values if key.startswith("keys/")] == [f"keys/{only.id}"]
    ring(store).add(cheap(OTHER), "other")
    ring(store).remove(only.id)
    assert (opens(store, PHRASE), opens(store, OTHER)) == (False, True)
    with pytest.raises(RefusedError):
        ring(store, OTHER).remove(ring(store, OTHER).listed()[0].id)


def test_what_opens_nothing_is_not_counted(store: InMemoryStore) -> None:
    """Neither a damaged key file nor one of another repository makes the last key removable."""
    other = InMemoryStore()
    Repository.create(other, passphrase=cheap())
    store.values |= {key: value for key, value in other.values.items() if key.startswith("keys/")}
    store.values["keys/" + "ab" * 32] = b"{}"
    (mine,) = ring(store).listed()
    assert len(ring(store).problems()) == 2
    with pytest.raises(RefusedError):
        ring(store).remove(mine.id)
    assert opens(store, PHRASE)


def test_a_changed_passphrase_replaces_its_own(store: InMemoryStore) -> None:
    """The name stays, the old phrase opens nothing, and another person's key is left alone."""
    ring(store).add(cheap(OTHER), "other")
    ring(store).change(cheap(THIRD))
    assert [opens(store, text) for text in (PHRASE, OTHER, THIRD)] == [False, True, True]
    assert sorted(one.about.name for one in ring(store, THIRD).listed()) == ["first", "other"]


def test_what_cannot_be_done_with_keys(store: InMemoryStore) -> None:
    """A plain repository, no passphrase, no such key, two meant, a bad name, too many: each is a sentence."""
    plain = InMemoryStore()
    Repository.create(plain)
    with pytest.raises(RefusedError, match="is not encrypted"):
        Keyring.open(plain, cheap())
    with pytest.raises(NoPassphraseError):
        Keyring.open(store, None)
    here = ring(store)
    with pytest.raises(NothingError, match="No key is called 'zzz'"):
        here.resolve("zzz")
    with pytest.raises(UsageError, match="1 to 100"):
        here.add(cheap(OTHER), "x" * 101)
    with pytest.raises(UsageError, match="fewer than 12"):
        here.add(cheap("short"), "short")
    for number in range(MAX_MADE - 1):
        here.add(cheap(OTHER), f"twin {number % 2}")
    with pytest.raises(UsageError, match="are meant by 'twin 1'"):
        here.resolve("twin 1")
    with pytest.raises(RefusedError, match=f"{MAX_MADE} keys"):
        here.add(cheap(OTHER), "one more")


def test_two_operators_who_add_at_once_lose_nothing(tmp_path: Path) -> None:
    """Of eight passphrases that are added at the same moment, every one opens."""
    store = FolderStore(tmp_path)
    Repository.create(store, passphrase=cheap())
    names = [f"operator number {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: ring(FolderStore(tmp_path)).add(cheap(name), name), names))
    assert all(opens(store, name) for name in (PHRASE, *names))
    assert sorted(one.about.name for one in ring(store).listed()) == sorted(["first", *names])


def test_a_change_that_dies_anywhere_leaves_a_passphrase(store: InMemoryStore) -> None:
    """Between any two steps the old or the new phrase opens, and running it again ends it."""
    states = []
    for works in range(10):
        dying = DyingStore(dict(store.values), works)
        try:
            ring(dying).change(cheap(OTHER))
            done = True
        except UnreachableError:
            done = False
        left = InMemoryStore()
        left.values = dict(dying.values)
        states.append((opens(left, PHRASE), opens(left, OTHER)))
        assert any(states[-1]), works
        assert done == (states[-1] == (False, True) and not any(".leaving" in key for key in left.values))
        again = ring(left, OTHER if states[-1][1] else PHRASE)
        old = [one for one in again.listed() if not one.mine]
        for one in old:
            again.remove(one.id)
        assert len(ring(left, OTHER if states[-1][1] else PHRASE).listed()) == 1
    assert set(states) == {(True, False), (True, True), (False, True)}


class Turns(InMemoryStore):
    """A store at which several work in turns: each step waits until the schedule names its worker."""

    def __init__(self, values: dict[str, bytes], schedule: tuple[str, ...]) -> None:
        super().__init__()
        self.values = dict(values)
        self._left = list(schedule)
        self._turn = threading.Condition()

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Store a value when it is this worker's turn."""
        self._wait()
        super().put(key, data, replace=replace)

    def delete(self, key: str) -> bool:
        """Remove a value when it is this worker's turn."""
        self._wait()
        return super().delete(key)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """List when it is this worker's turn."""
        self._wait()
        return super().list(prefix)

    def _wait(self) -> None:
        me = threading.current_thread().name
        with self._turn:
            self._turn.wait_for(lambda: me not in self._left or self._left[0] == me)
            if me in self._left:
                self._left.pop(0)
            self._turn.notify_all()

    def leave(self) -> None:
        """Take no more turns: whoever is done must not hold up the other."""
        me = threading.current_thread().name
        with self._turn:
            self._left = [name for name in self._left if name != me]
            self._turn.notify_all()


def removed_in_turns(store: Turns, workers: dict[str, Callable[[], None]]) -> None:
    """Run each worker in a thread of its name; a refusal is an end like any other."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except OpsError:
            pass
        finally:
            store.leave()

    threads = [threading.Thread(target=run, args=(work,), name=name) for name, work in workers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


STEPS = 5
"""A removal marks, lists, deletes, lists, deletes the mark."""


def schedules() -> list[tuple[str, ...]]:
    """Return every order in which the steps of two removals can follow one another."""
    every = range(2 * STEPS)
    return [
        tuple("a" if place in chosen else "b" for place in every) for chosen in combinations(every, STEPS)
    ]


def test_two_who_remove_the_last_two_at_once_leave_one(store: InMemoryStore) -> None:
    """In each of the 252 orders of their steps at least one passphrase still opens; in some each refuses."""
    ring(store).add(cheap(OTHER), "other")
    first, second = ring(store).listed()
    left = set()
    for schedule in schedules():
        turns = Turns(store.values, schedule)
        rings = ring(turns), ring(turns, OTHER)
        work = {"a": lambda: rings[0].remove(second.id), "b": lambda: rings[1].remove(first.id)}  # noqa: B023
        removed_in_turns(turns, work)
        after = InMemoryStore()
        after.values = dict(turns.values)
        opened = (opens(after, PHRASE), opens(after, OTHER))
        assert any(opened), schedule
        assert not any(".leaving" in key for key in after.values)
        left.add(opened)
    assert left == {(True, False), (False, True), (True, True)}
