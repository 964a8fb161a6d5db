"""No order of steps of backups, prunes and crashes loses what a point needs; without any rule one does."""

from collections.abc import Iterator

import pytest

from pipelines.ops.repository.times import Times
from tests.ops.repository.exploring import (
    CARRY_OUT,
    CONDEMN,
    Actor,
    Backup,
    List,
    Model,
    World,
    explore,
)

ONE = Backup((0,))
TWO = Backup((0, 1))
# A step and what it relies on in one tick, so that more actors fit; then steps that reach over a tick.
COARSE = Times(grace=2, turn=0)
FINE = Times(grace=4, turn=1)


def begins(*actors: Actor, objects: int = 1, now: int) -> Iterator[World]:
    """Yield beginnings: a point that may be forgotten or none; no list, a ripe one, one that is ripe soon."""
    uses = tuple(range(objects))
    for old in (uses, ()):
        for listed in (None, 1, now - 1):
            lists = () if listed is None else (List(listed, frozenset(uses)),)
            world = World(now, (0,) * objects, old, frozenset(), lists, (), ())
            yield world._replace(actors=tuple(sorted(actors, key=hash)))


def explored(model: Model, *actors: Actor, objects: int = 1, now: int) -> int:
    """Explore all, and return how many worlds there are; fail with the way to one that lacks an object."""
    count, way = explore(model, begins(*actors, objects=objects, now=now), 10_000_000)
    assert way is None, "\n".join(map(str, way or ()))
    return count


def test_a_backup_and_a_prune() -> None:
    """With steps that reach over a tick; everything that the rules are for happens in some order."""
    model = Model(FINE, end=9)
    explored(model, ONE, CARRY_OUT, now=5)
    assert model.seen >= {"deleted", "done", "failed", "missed", "pardoned", "stopped", "too old", "waited"}


def test_a_backup_and_both_passes() -> None:
    """While one prune condemns, another carries out."""
    model = Model(COARSE, end=5)
    explored(model, ONE, CARRY_OUT, CONDEMN, now=3)
    assert model.seen >= {"condemned", "deleted", "done", "missed", "pardoned", "waited"}


def test_a_backup_and_two_prunes() -> None:
    """Both carry the same lists out."""
    explored(Model(COARSE, end=4), ONE, CARRY_OUT, CARRY_OUT, now=3)


def test_two_backups_and_a_prune() -> None:
    """Both need the same object."""
    explored(Model(COARSE, end=4), ONE, ONE, CARRY_OUT, now=3)


def test_several_objects() -> None:
    """One after the other is looked at, pardoned and deleted."""
    explored(Model(COARSE, end=4), TWO, CARRY_OUT, objects=2, now=3)


def test_a_machine_that_sleeps_while_it_publishes() -> None:
    """However late its manifest appears, no point that it promised lacks an object."""
    model = Model(COARSE, end=6, slow_to_publish=True)
    explored(model, ONE, CARRY_OUT, CONDEMN, now=3)
    assert "taken back" in model.seen


@pytest.mark.soak
@pytest.mark.parametrize(
    ("actors", "objects", "end"),
    [
        ((ONE, ONE, CARRY_OUT, CARRY_OUT), 1, 5),
        ((ONE, ONE, CARRY_OUT, CONDEMN), 1, 5),
        ((TWO, ONE, CARRY_OUT), 2, 5),
    ],
)
def test_more_at_once(actors: tuple[Actor, ...], objects: int, end: int) -> None:
    """Two backups and two prunes; two objects."""
    explored(Model(COARSE, end=end), *actors, objects=objects, now=3)


MUTANTS = {
    "read the lists": (ONE, CARRY_OUT),
    "put condemned objects again": (ONE, CARRY_OUT),
    "wait for prunes that delete": (ONE, CARRY_OUT),
    "look at every object": (ONE, CARRY_OUT),
    "give up when too old": (ONE, CARRY_OUT, CONDEMN),
    "wait for the grace time": (ONE, CARRY_OUT, CONDEMN),
    "record that it deletes": (ONE, CARRY_OUT),
    "look whether the lists are there": (ONE, CARRY_OUT, CARRY_OUT),
    "read the points again": (ONE, CARRY_OUT),
    "stop in time": (ONE, CARRY_OUT),
    "spare what was put again": (ONE, CARRY_OUT),
}


@pytest.mark.parametrize("rule", sorted(MUTANTS))
def test_every_rule_is_needed(rule: str) -> None:
    """Without it some order loses an object that a point needs."""
    model = Model(COARSE, end=6, broken=frozenset({rule}))
    _, way = explore(model, begins(*MUTANTS[rule], now=3), 1_000_000, deep=True)
    assert way is not None


def test_taking_back_is_needed() -> None:
    """Where publishing may take long, a promised point lacks an object if late manifests stay."""
    model = Model(COARSE, end=6, broken=frozenset({"take late manifests back"}), slow_to_publish=True)
    _, way = explore(model, begins(ONE, CARRY_OUT, CONDEMN, now=3), 1_000_000, deep=True)
    assert way is not None


class _HastyRecords(Times):
    def deleting(self, recorded: float, now: float) -> bool:
        return now < recorded + 2 * self.turn


class _LatePublishing(Times):
    def may_publish(self, began: float, now: float) -> bool:
        return now < began + self.grace


class _LateDeleting(Times):
    def may_delete(self, recorded: float, now: float) -> bool:
        return now <= recorded + 2 * self.turn


@pytest.mark.parametrize("kind", [_HastyRecords, _LatePublishing, _LateDeleting])
def test_every_bound_is_needed(kind: type[Times]) -> None:
    """Where a decision of the product is off by a turn, some order loses an object."""
    model = Model(kind(grace=4, turn=1), end=10)
    actors = (ONE, CARRY_OUT, CONDEMN) if kind is _LatePublishing else (ONE, CARRY_OUT)
    _, way = explore(model, begins(*actors, now=5), 2_000_000, deep=True)
    assert way is not None
