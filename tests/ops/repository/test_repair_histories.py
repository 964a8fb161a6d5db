"""In any history of backups, damage, copies, repairs and prunes two repositories are as a model says."""

import io
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ops.copying import State, plan_copy
from pipelines.ops.copying import carry_out as copy_all
from pipelines.ops.errors import OpsError
from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repairing import carry_out, find
from pipelines.ops.reporting import SilentReporter
from pipelines.ops.repository import InMemoryStore, Repository
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.objects import identify, object_key, pack
from pipelines.ops.repository.times import Times
from tests.ops.repository.dying import DyingStore
from tests.ops.repository.keeping import DAY, HOUR, NOON, Clock

POOL = [bytes([number]) * 40 for number in range(6)]
CONTENTS = st.sets(st.sampled_from(range(len(POOL))), max_size=4).map(frozenset)
NUMBER = st.integers(0, 9)
STEPS = st.one_of(
    st.tuples(st.just("backup"), CONTENTS),
    st.tuples(st.sampled_from(["flip", "cut", "lose"]), st.integers(0, len(POOL) - 1)),
    st.tuples(st.sampled_from(["copy", "copy back", "repair", "repair from", "give up"]), st.just(0)),
    st.tuples(st.sampled_from(["forget", "forget there", "copy dies", "repair dies"]), NUMBER),
    st.tuples(st.sampled_from(["prune", "prune there"]), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([HOUR, 12 * HOUR, DAY])),
)
SILENT = SilentReporter()


def key(number: int) -> str:
    """Return the key of the object of a content."""
    return object_key(identify(POOL[number]))


@dataclass
class Side:
    """A repository in memory, and the model: which points it holds, and what each is made of."""

    clock: Clock
    store: InMemoryStore = field(init=False)
    repository: Repository = field(init=False)
    points: dict[str, frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = InMemoryStore(now=self.clock)
        Repository.create(self.store)
        self.repository = self.seen(self.store)

    def seen(self, store: InMemoryStore) -> Repository:
        """Open it through a store."""
        opened = Repository.open(store)
        return replace(opened, now=self.clock.machine, pace=Pace(Times(), self.clock.wait))

    def mortal(self, works: int) -> Repository:
        """Open it so that it is gone after some changes."""
        store = DyingStore(self.store.values, works, self.clock)
        store.times = self.store.times
        return self.seen(store)

    def right(self, number: int) -> bool:
        """Tell whether an object is as it was stored, by its very bytes."""
        return self.store.values.get(key(number)) == pack(POOL[number])

    def there(self, number: int) -> bool:
        """Tell whether something lies there that may be taken for it."""
        return len(self.store.values.get(key(number), b"")) > 1

    def damage(self, what: str, number: int) -> None:
        """Spoil the object of a content."""
        stored = self.store.values.pop(key(number))
        if what != "lose":
            self.store.values[key(number)] = stored[:-1] + b"?" if what == "flip" else b"R"

    def whole(self) -> set[str]:
        """Return the points that can be restored."""
        return {name for name, numbers in self.points.items() if all(map(self.right, numbers))}

    def listed(self) -> set[str]:
        """Return the points as the repository says."""
        refs = self.repository.points()
        assert [ref.problem for ref in refs if ref.problem] == []
        return {ref.id for ref in refs}


class History:
    """What happens to two repositories, `there` being the copy; only `here` is damaged."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.here, self.there = Side(self.clock), Side(self.clock)
        self.number = 0

    def step(self, what: str, how: object) -> None:
        """Do one thing, and compare both with the model."""
        here, there = self.here, self.there
        whole = here.whole()
        match what, how:
            case "backup", frozenset():
                self.backup(how)
            case "flip" | "cut" | "lose", int() if here.there(how):
                here.damage(what, how)
            case "copy" | "copy back", _:
                (self.copy_back if "back" in what else self.copy)()
            case "repair" | "repair from" | "give up", _:
                self.repair(other="from" in what, forget=what == "give up")
            case "forget" | "forget there", int():
                forget(there if "there" in what else here, how)
            case "prune" | "prune there", _:
                (there if "there" in what else here).repository.prune()
            case "copy dies" | "repair dies", int():
                self.dies(what, how)
            case "wait", float():
                self.clock.wait(how)
        if what not in {"flip", "cut", "lose", "forget"}:
            assert whole <= here.whole(), f"{what} lost a point that was whole"
        assert here.listed() == set(here.points)
        assert there.listed() == set(there.points) == there.whole()

    def backup(self, numbers: frozenset[int]) -> None:
        """Take a point."""
        self.clock.wait(1.0)
        self.number += 1
        files = self.here.repository.store_files(
            (str(number), io.BytesIO(POOL[number])) for number in sorted(numbers)
        ).files
        now = NOON + timedelta(seconds=self.number)
        source = FaissSource(way="folder", files=files)
        point = RestorePoint(host="h", software={}, started=now, finished=now, faiss=source)
        self.here.points[self.here.repository.publish(point).id] = numbers

    def copy(self) -> None:
        """Copy what is not there; a point goes if each of its objects is right here, or there already."""
        here, there = self.here, self.there
        able = {
            name: numbers
            for name, numbers in here.points.items()
            if all(here.right(number) or there.there(number) for number in numbers)
        }
        if not here.points:
            return
        plan = plan_copy(here.repository, there.repository, [])
        items = copy_all(here.repository, there.repository, plan, SILENT)
        assert {item.ref.id for item in items if item.state is not State.DAMAGED} == set(able)
        there.points |= able

    def copy_back(self) -> None:
        """Copy from the copy: what is missing here comes anew, what is rotten stays so."""
        here, there = self.here, self.there
        if not there.points:
            return
        plan = plan_copy(there.repository, here.repository, [])
        items = copy_all(there.repository, here.repository, plan, SILENT)
        assert {item.state for item in items} <= {State.COPIED, State.PRESENT}
        here.points |= there.points

    def repair(self, *, other: bool, forget: bool) -> None:
        """Repair; afterwards nothing lies here that is not right, and what is given up was broken."""
        here, there = self.here, self.there
        copy = there.repository if other else None
        found = find(here.repository, other=copy, quick=False, reporter=SILENT)
        got = {one for one in range(len(POOL)) if other and there.right(one)}
        broken = {
            name
            for name, numbers in here.points.items()
            if not all(here.right(one) or one in got for one in numbers)
        }
        assert {one.ref.id for one in found.broken} == broken
        carry_out(here.repository, found, other=copy, forget=forget, quick=False, reporter=SILENT)
        for name in broken if forget else ():
            del here.points[name]
        assert all(here.right(one) or key(one) not in here.store.values for one in range(len(POOL)))
        assert set(here.points) - here.whole() == (set() if forget else broken)

    def dies(self, what: str, works: int) -> None:
        """Do it on a store that goes away; what it had done counts."""
        here, there = self.here, self.there
        try:
            if what == "copy dies":
                target = there.mortal(works)
                copy_all(here.repository, target, plan_copy(here.repository, target, []), SILENT)
            else:
                mortal = here.mortal(works)
                found = find(mortal, other=None, quick=False, reporter=SILENT)
                carry_out(mortal, found, other=None, forget=True, quick=False, reporter=SILENT)
        except OpsError:
            pass
        there.points |= {name: here.points[name] for name in there.listed() - set(there.points)}
        gone = set(here.points) - here.listed()
        assert gone.isdisjoint(here.whole())
        for name in gone:
            del here.points[name]

    def end(self) -> None:
        """Repair from the copy, give the rest up; then all is right, and nothing unneeded is left."""
        self.repair(other=True, forget=False)
        self.repair(other=False, forget=True)
        self.backup(frozenset(range(len(POOL))))
        self.copy()
        for side in (self.here, self.there):
            assert side.whole() == set(side.points) == side.listed()
            forget(side, 0)
            for _ in range(3):
                self.clock.wait(DAY)
                side.repository.prune()
            needed = {key(one) for numbers in side.points.values() for one in numbers}
            assert {one.key for one in side.store.list("objects/")} == needed
            assert side.whole() == side.listed()


def forget(side: Side, number: int) -> None:
    """Forget a point."""
    refs = side.repository.points()
    if refs:
        ref = refs[number % len(refs)]
        side.repository.forget(ref)
        del side.points[ref.id]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=20))
def test_any_history(steps: list[tuple[str, object]]) -> None:
    """Whatever the order; copies and repairs that die among them. The examples are the same in each run."""
    history = History()
    for what, how in steps:
        history.step(what, how)
    history.end()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=5_000, deadline=None)
@given(st.lists(STEPS, max_size=50))
def test_any_long_history(steps: list[tuple[str, object]]) -> None:
    """As above, for long."""
    test_any_history.hypothesis.inner_test(steps)  # type: ignore[attr-defined]  # as it is there
