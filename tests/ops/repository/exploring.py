"""A model of backups and prunes over one store, and every order in which their steps and a clock can come.

The decisions are the product's own (`Times`). Each step is one request to the store. A put or a deletion
lands at any moment within a turn of the look at the clock that allowed it, or never: then its sender is dead.
Who died between two steps is one who takes no more of them, so a crash at every step is among the orders. A
rule can be broken by its name, to see that the exploration would notice.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipelines.ops.repository.times import Times


class List(NamedTuple):
    """A list of condemned objects in the store."""

    written: int
    objects: frozenset[int]


class Record(NamedTuple):
    """A record of a prune that deletes."""

    written: int
    lists: tuple[List, ...]


class Backup(NamedTuple):
    """Where a backup is; a step under way lands until `until`, and what it puts has the time `stamp`."""

    uses: tuple[int, ...]
    at: str = "store"
    turn: int = 0
    stamp: int = -1
    until: int = -1
    began: int = -1
    lists: tuple[List, ...] = ()
    waits: tuple[Record, ...] = ()


class Prune(NamedTuple):
    """Where a prune is: one that carries ripe lists out, or one that condemns; `doomed` with list's time."""

    at: str
    turn: int = 0
    stamp: int = -1
    until: int = -1
    lists: tuple[List, ...] = ()
    record: Record | None = None
    doomed: tuple[tuple[int, int], ...] = ()
    guilty: frozenset[int] = frozenset()


Actor = Backup | Prune
CARRY_OUT, CONDEMN = Prune("start"), Prune("scan")
_ENDED = ("done", "failed", "dead", "stopped")


class World(NamedTuple):
    """Everything there is: the time, when each object was put (-1: it is not there), documents, actors.

    `old` is what a point needs that was there before, and may be forgotten; `points` are those of backups.
    """

    now: int
    objects: tuple[int, ...]
    old: tuple[int, ...]
    points: frozenset[tuple[int, ...]]
    lists: tuple[List, ...]
    records: tuple[Record, ...]
    actors: tuple[Actor, ...]

    def put(self, one: int, stamp: int) -> "World":
        """Put an object, or delete it with -1."""
        return self._replace(objects=(*self.objects[:one], stamp, *self.objects[one + 1 :]))

    def without(self, index: int, actor: Actor) -> "World":
        """Let an actor be elsewhere; those who are alike are not told apart."""
        others = (*self.actors[:index], actor, *self.actors[index + 1 :])
        return self._replace(actors=tuple(sorted(others, key=hash)))


@dataclass(frozen=True)
class Model:
    """The rules, those that are broken by name, how far time goes, and whether publishing may take long."""

    times: Times
    end: int
    broken: frozenset[str] = frozenset()
    slow_to_publish: bool = False
    seen: set[str] = field(default_factory=set)
    """What happened in some history, to see that the interesting things do."""

    @property
    def turn(self) -> int:
        """How long a step may take."""
        return int(self.times.turn)

    def after(self, world: World) -> Iterator[World]:
        """Yield every world that can be next."""
        if world.now < self.end and all(one.until < 0 or one.until > world.now for one in world.actors):
            yield world._replace(now=world.now + 1)
        if world.old:
            yield world._replace(old=())
        for index, actor in enumerate(world.actors):
            if actor.at in _ENDED:
                continue
            if actor.until >= 0:
                yield world.without(index, _ended(actor, "dead"))
            steps = _Steps(self, world, index)
            yield from steps.backup(actor) if isinstance(actor, Backup) else steps.prune(actor)

    def problem(self, world: World) -> bool:
        """Tell whether a point lacks an object; one that was not yet promised may when publishing is slow."""
        points = {one.uses for one in world.actors if isinstance(one, Backup) and one.at == "done"}
        points = points if self.slow_to_publish else set(world.points)
        return any(world.objects[one] < 0 for uses in (*points, world.old) for one in uses)

    def holds(self, rule: str) -> bool:
        """Tell whether a rule is kept."""
        return rule not in self.broken


@dataclass(frozen=True, slots=True)
class _Steps:
    """What one actor of a world can do next."""

    model: Model
    world: World
    index: int

    def backup(self, me: Backup) -> Iterator[World]:
        step: Callable[[Backup], Iterator[World]] = getattr(self, f"_{me.at}")
        return step(me)

    def prune(self, me: Prune) -> Iterator[World]:
        step: Callable[[Prune], Iterator[World]] = getattr(self, f"_prune_{me.at}")
        return step(me)

    def _go(self, me: Actor, at: str, there: World | None = None, **changes: Any) -> World:
        moved = me._replace(at=at, **{"until": -1, "stamp": -1, **changes})
        return (there or self.world).without(self.index, moved)

    def _end(self, me: Actor, how: str, there: World | None = None) -> World:
        self.model.seen.add(how)
        return (there or self.world).without(self.index, _ended(me, how))

    def _next(self, me: Backup, at: str, then: str, there: World | None = None) -> World:
        last = me.turn + 1 == len(me.uses)
        return self._go(me, then if last else at, there, turn=0 if last else me.turn + 1)

    def _store(self, me: Backup) -> Iterator[World]:
        one = me.uses[me.turn]
        present = self.world.objects[one] >= 0
        yield self._next(me, "store", "lists", None if present else self.world.put(one, self.world.now))

    def _lists(self, me: Backup) -> Iterator[World]:
        lists = self.world.lists if self.model.holds("read the lists") else ()
        yield self._go(me, "pardon", began=self.world.now, lists=lists)

    def _pardon(self, me: Backup) -> Iterator[World]:
        one, now = me.uses[me.turn], self.world.now
        written = self.world.objects[one]
        times = self.model.times
        guilty = any(one in each.objects and times.condemned(written, each.written) for each in me.lists)
        if written >= 0 and guilty and self.model.holds("put condemned objects again"):
            self.model.seen.add("pardoned")
            yield self._go(me, "pardoning", stamp=now, until=now + self.model.turn)
        else:
            yield self._next(me, "pardon", "records")

    def _pardoning(self, me: Backup) -> Iterator[World]:
        yield self._next(me, "pardon", "records", self.world.put(me.uses[me.turn], me.stamp))

    def _records(self, me: Backup) -> Iterator[World]:
        waits = tuple(
            record
            for record in self.world.records
            if any(one not in me.lists or one.objects & set(me.uses) for one in record.lists)
        )
        waits = waits if self.model.holds("wait for prunes that delete") else ()
        yield self._go(me, "wait", waits=waits, lists=())

    def _wait(self, me: Backup) -> Iterator[World]:
        left = [one for one in me.waits if one in self.world.records]
        if any(self.model.times.deleting(one.written, self.world.now) for one in left):
            self.model.seen.add("waited")
        else:
            yield self._go(me, "look", waits=())

    def _look(self, me: Backup) -> Iterator[World]:
        if self.world.objects[me.uses[me.turn]] < 0 and self.model.holds("look at every object"):
            self.model.seen.add("missed")
            yield self._end(me, "failed")
        else:
            yield self._next(me, "look", "time")

    def _time(self, me: Backup) -> Iterator[World]:
        now = self.world.now
        if self.model.times.may_publish(me.began, now) or not self.model.holds("give up when too old"):
            until = -1 if self.model.slow_to_publish else now + self.model.turn
            yield self._go(me, "publish", until=until)
        else:
            self.model.seen.add("too old")
            yield self._end(me, "failed")

    def _publish(self, me: Backup) -> Iterator[World]:
        there = self.world._replace(points=self.world.points | {me.uses})
        yield self._go(me, "confirm", there) if self.model.slow_to_publish else self._end(me, "done", there)

    def _confirm(self, me: Backup) -> Iterator[World]:
        in_time = self.model.times.published_in_time(me.began, self.world.now)
        if in_time or not self.model.holds("take late manifests back"):
            yield self._end(me, "done")
        else:
            self.model.seen.add("taken back")
            yield self._end(me, "failed", self.world._replace(points=self.world.points - {me.uses}))

    def _prune_start(self, me: Prune) -> Iterator[World]:
        now, patient = self.world.now, self.model.holds("wait for the grace time")
        ripe = tuple(
            one for one in self.world.lists if self.model.times.ripe(one.written, now) or not patient
        )
        if ripe:
            recorded = self.model.holds("record that it deletes")
            yield self._go(me, "record" if recorded else "relist", lists=ripe)

    def _prune_record(self, me: Prune) -> Iterator[World]:
        record = Record(self.world.now, me.lists)
        there = self._documents(records=(*self.world.records, record))
        yield self._go(me, "relist", there, record=record)

    def _prune_relist(self, me: Prune) -> Iterator[World]:
        heeded = self.model.holds("look whether the lists are there")
        lists = tuple(one for one in me.lists if one in self.world.lists or not heeded)
        yield self._go(me, "points", lists=lists)

    def _prune_points(self, me: Prune) -> Iterator[World]:
        needed = {one for uses in (*self.world.points, self.world.old) for one in uses}
        needed = needed if self.model.holds("read the points again") else set()
        doomed: dict[int, int] = {}
        for each in me.lists:
            for one in each.objects - needed:
                doomed[one] = max(each.written, doomed.get(one, each.written))
        yield self._go(me, "look", doomed=tuple(sorted(doomed.items())))

    def _prune_look(self, me: Prune) -> Iterator[World]:
        now, times, record = self.world.now, self.model.times, me.record
        if me.turn == len(me.doomed):
            yield self._go(me, "unlist", turn=0, doomed=())
        elif record and not times.may_delete(record.written, now) and self.model.holds("stop in time"):
            # The product then begins anew, as another prune would.
            yield self._end(me, "stopped", self._documents(records=_less(self.world.records, record)))
        else:
            one, listed = me.doomed[me.turn]
            written = self.world.objects[one]
            spared = not times.condemned(written, listed) and self.model.holds("spare what was put again")
            if written < 0 or spared:
                yield self._go(me, "look", turn=me.turn + 1)
            else:
                yield self._go(me, "delete", until=now + self.model.turn)

    def _prune_delete(self, me: Prune) -> Iterator[World]:
        self.model.seen.add("deleted")
        yield self._go(me, "look", self.world.put(me.doomed[me.turn][0], -1), turn=me.turn + 1)

    def _prune_unlist(self, me: Prune) -> Iterator[World]:
        if me.lists:
            there = self._documents(lists=_less(self.world.lists, me.lists[0]))
            yield self._go(me, "unlist", there, lists=me.lists[1:])
        else:
            yield self._end(me, "done", self._documents(records=_less(self.world.records, me.record)))

    def _prune_scan(self, me: Prune) -> Iterator[World]:
        """Condemn what points need too: as if each had been published after they were read."""
        guilty = frozenset(
            one
            for one, written in enumerate(self.world.objects)
            if written >= 0 and not self.model.times.fresh(written, self.world.now)
        )
        if guilty:
            yield self._go(
                me, "list", stamp=self.world.now, until=self.world.now + self.model.turn, guilty=guilty
            )

    def _prune_list(self, me: Prune) -> Iterator[World]:
        self.model.seen.add("condemned")
        listed = List(me.stamp, me.guilty)
        yield self._end(me, "done", self._documents(lists=(*self.world.lists, listed)))

    def _documents(self, **changes: tuple[Any, ...]) -> World:
        alike: dict[str, Any] = {name: tuple(sorted(found, key=hash)) for name, found in changes.items()}
        return self.world._replace(**alike)


def explore(
    model: Model, worlds: Iterable[World], most: int, *, deep: bool = False
) -> tuple[int, list[World] | None]:
    """Visit every world that can come of these; return how many, and the way to the first bad one.

    The shortest way, or with `deep` any, which is found sooner.
    """
    came: dict[World, World | None] = dict.fromkeys(worlds)
    left = deque(came)
    while left:
        world = left.pop() if deep else left.popleft()
        if model.problem(world):
            return len(came), _way(came, world)
        for following in model.after(world):
            if following not in came:
                came[following] = world
                left.append(following)
        assert len(came) <= most, f"there are more than {most} worlds"
    return len(came), None


def _ended(actor: Actor, how: str) -> Actor:
    """Return an actor that has ended, with nothing left of the way there."""
    return Backup(actor.uses, how) if isinstance(actor, Backup) else Prune(how)


def _less(documents: tuple[Any, ...], one: object) -> tuple[Any, ...]:
    """Return documents without one that is like this, if there is one."""
    if one not in documents:
        return documents
    at = documents.index(one)
    return (*documents[:at], *documents[at + 1 :])


def _way(came: dict[World, World | None], world: World) -> list[World]:
    way: list[World] = []
    here: World | None = world
    while here is not None:
        way.append(here)
        here = came[here]
    return way[::-1]
