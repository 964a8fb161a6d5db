"""SIGKILL of the real commands, in one history of all: backup, prune, copy, restore and repair.

After each kill every older point of both repositories restores bit for bit, the command succeeds when it is
run again, and after the next prune nothing is left but what points need.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.points import objects_of
from tests.damage.aging import age
from tests.damage.soaking import Side, World, tree
from tests.s3.versitygw import s3_server

SEED = 20261201
RUNS = 500
CLEANED = 5
"""So many runs are between two looks at what prunes leave."""


def backup(world: World, *, timed: bool) -> bool:
    """Change an index and save; a point that shows is the new one, whole."""
    here = world.here
    world.write(world.chance.randrange(3))
    arguments = ("backup", "--only", "faiss", "--faiss-folder", str(world.indexes), "--no-verify")
    killed = world.kill("backup", here, *arguments, timed=timed)
    look_for_new(here, tree(world.indexes))
    if killed and world.chance.random() < 0.5:
        world.again(here, *arguments)
        look_for_new(here, tree(world.indexes))
        assert list((world.root / "scratch").iterdir()) == []
    return killed


def look_for_new(side: Side, saved: dict[str, bytes]) -> None:
    """Note the points that are new: each holds what was saved."""
    for ref in side.repository.points():
        side.points.setdefault(ref.id, saved)


def prune(world: World, *, timed: bool) -> bool:
    """Forget the oldest points of one of both and prune, after what was listed before became old."""
    side = world.chance.choice((world.here, world.there))
    side.thin()
    age(side.folder)
    killed = world.kill("prune", side, "prune", timed=timed)
    if killed and world.chance.random() < 0.5:
        world.again(side, "prune")
    age(side.folder)
    return killed


def copy(world: World, *, timed: bool) -> bool:
    """Copy all points; what shows there is as it is here."""
    here, there = world.here, world.there
    arguments = ("copy", there.given["SYNAPSE_REPOSITORY"])
    killed = world.kill("copy", here, *arguments, timed=timed)
    look_for_copies(world)
    if killed:
        world.again(here, *arguments)
        look_for_copies(world)
    assert set(here.points) <= set(there.points)
    return killed


def look_for_copies(world: World) -> None:
    """Note the points that are new in the copy."""
    for ref in world.there.repository.points():
        if ref.id not in world.there.points:
            world.there.points[ref.id] = world.here.points[ref.id]


def restore(world: World, *, timed: bool) -> bool:
    """Restore into a new folder: it is there whole, or not at all; then the next call lays it."""
    here, out = world.here, world.root / "restored"
    point = world.chance.choice(sorted(here.points))
    arguments = ("restore", point, "--into", str(out))
    killed = world.kill("restore", here, *arguments, timed=timed)
    if not out.exists():
        assert killed
        world.again(here, *arguments)
    assert {name.partition("/")[2]: data for name, data in tree(out).items()} == here.points[point]
    shutil.rmtree(out)
    assert not [path for path in world.root.iterdir() if path.name.startswith(".restored")]
    return killed


def repair(world: World, *, timed: bool) -> bool:
    """Spoil what the copy has, and repair from there: what is whole stays so, and at the end all is."""
    here, there = world.here, world.there
    spoil(world)
    whole = here.whole()
    arguments = ("repair", "--from", there.given["SYNAPSE_REPOSITORY"], "--yes")
    killed = world.kill("repair", here, *arguments, timed=timed)
    assert whole <= here.whole()
    if killed:
        world.again(here, *arguments)
    return killed


def spoil(world: World) -> None:
    """Lose or change half of the objects that the copy has too, and a manifest."""
    store, common = world.here.store, sorted(set(world.here.points) & set(world.there.points))
    refs = [ref for ref in world.here.repository.points() if ref.id in common]
    objects = sorted({one for ref in refs for one in objects_of(world.here.repository.load(ref))})
    for identity in world.chance.sample(objects, len(objects) // 2):
        key = object_key(identity)
        if world.chance.random() < 0.5:
            store.delete(key)
        else:
            data = store.get(key, limit=2**30)
            store.put(key, data[:-1] + bytes([data[-1] ^ 1]), replace=True)
    if refs:
        store.put(world.chance.choice(refs).key, b"rubbish", replace=True)


KINDS: dict[str, Callable[..., bool]] = {one.__name__: one for one in (backup, prune, copy, restore, repair)}


def soak(world: World, runs: int, out: Path) -> Counter[str]:
    """Kill so many commands, each kind in turn and in a random order; return how many were killed midway."""
    order = ["backup", "copy", "restore", "prune", "repair"]
    for kind in order:
        KINDS[kind](world, timed=True)
    found: Counter[str] = Counter()
    for number in range(runs):
        if number % len(order) == 0:
            world.chance.shuffle(order)
        kind = order[number % len(order)]
        print(f"seed {SEED}, run {number}: {kind}")  # noqa: T201  # shown when it fails
        found[kind] += KINDS[kind](world, timed=False)
        look(world, out / str(number))
        if number % CLEANED == CLEANED - 1:
            for side in (world.here, world.there):
                side.clean()
    look(world, out / "last")
    return found


def look(world: World, out: Path) -> None:
    """Restore every point of both."""
    world.here.check(out / "here")
    world.there.check(out / "there")
    shutil.rmtree(out, ignore_errors=True)


def in_folders(tmp_path: Path) -> World:
    """Lay both repositories in folders."""
    return World(tmp_path, random.Random(SEED), side(tmp_path / "here"), side(tmp_path / "there"))


def side(folder: Path) -> Side:
    """Lay a repository in a folder."""
    return Side({"SYNAPSE_REPOSITORY": str(folder)}, folder)


def told(world: World, found: Counter[str], runs: int) -> None:
    """Most kills came before the end, and of each kind; the figures are shown by `-rP`."""
    print(f"seed {SEED}: {runs} runs, {world.ran} commands, killed midway: {dict(found)}")  # noqa: T201
    assert found.total() > runs // 3
    assert runs < RUNS or all(found[kind] > runs // 20 for kind in KINDS)


@pytest.mark.timeout(600)
def test_some_kills(tmp_path: Path) -> None:
    """Fifteen runs."""
    world = in_folders(tmp_path)
    told(world, soak(world, 15, tmp_path / "out"), 15)


@pytest.mark.soak
def test_five_hundred_kills(tmp_path: Path) -> None:
    """The same for long."""
    world = in_folders(tmp_path)
    told(world, soak(world, RUNS, tmp_path / "out"), RUNS)


@pytest.mark.soak
def test_many_kills_on_s3(tmp_path: Path) -> None:
    """A hundred with the first repository on a real S3 server, and its copy in a folder."""
    with s3_server(tmp_path / "s3") as server:
        here = Side(server.environ(), server.bucket_folder)
        world = World(tmp_path, random.Random(SEED), here, side(tmp_path / "there"))
        told(world, soak(world, 100, tmp_path / "out"), 100)
