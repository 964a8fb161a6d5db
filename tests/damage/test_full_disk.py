"""A disk that is full: each command says so with its code, loses no point, and goes well with room again."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.damage.aging import age
from tests.damage.soaking import Side, World, tree
from tests.damage.test_soak import look_for_copies, look_for_new, side, spoil
from tests.disks import fill_up, small_disk

SEED = 20261202
BACKUP = ("backup", "--only", "faiss", "--no-verify", "--faiss-folder")


@contextmanager
def on_a_small_disk(tmp_path: Path, small: str) -> Iterator[World]:
    """Lay both repositories, one of them on a disk of its own; the first has a point."""
    with small_disk(tmp_path / small, "size=4m"):
        world = World(tmp_path, random.Random(SEED), side(tmp_path / "here"), side(tmp_path / "there"))
        save(world)
        yield world


def save(world: World) -> None:
    """Take a point."""
    world.write(0, 100 + len(world.here.points))
    world.again(world.here, *BACKUP, str(world.indexes))
    look_for_new(world.here, tree(world.indexes))


def refused(world: World, on: Side, *arguments: str, code: int = 1, leave: int = 0) -> str:
    """Run a command while the disk of a repository has no room; return what it says."""
    stuffing = fill_up(on.folder, leave=leave)
    done = world.run(world.here if arguments[0] != "prune" else on, *arguments)
    assert done.code == code, done
    error = json.loads(done.out)["error"]
    assert "Make room" in error["hint"] or code != 1, error
    stuffing.unlink()
    return str(error["what"])


@pytest.mark.parametrize("leave", [0, 20_000, 70_000])
def test_a_backup(tmp_path: Path, leave: int) -> None:
    """However far it comes, no half point shows, and the older one restores."""
    with on_a_small_disk(tmp_path, "here") as world:
        for number in range(3):
            world.write(number, 200 + number)
        said = refused(world, world.here, *BACKUP, str(world.indexes), leave=leave)
        assert "No space left" in said
        world.here.check(tmp_path / "out")
        save(world)
        world.here.check(tmp_path / "later")
        world.here.clean()


def test_a_prune(tmp_path: Path) -> None:
    """It cannot write down what it deletes, so it deletes nothing."""
    with on_a_small_disk(tmp_path, "here") as world:
        here = world.here
        save(world)
        (*_, oldest) = here.repository.points()
        here.repository.forget(oldest)
        del here.points[oldest.id]
        age(here.folder)
        for number in range(2):
            objects = [one.key for one in here.store.list("objects/")]
            assert "No space left" in refused(world, here, "prune")
            assert [one.key for one in here.store.list("objects/")] == objects
            here.check(tmp_path / f"out-{number}")
            age(here.folder)
            world.again(here, "prune")  # it lists, then it deletes
        here.clean()


@pytest.mark.parametrize("leave", [0, 70_000])
def test_a_copy(tmp_path: Path, leave: int) -> None:
    """What the copy had restores, and no half point shows there; then it goes on."""
    with on_a_small_disk(tmp_path, "there") as world:
        arguments = ("copy", str(world.there.folder))
        world.again(world.here, *arguments)
        look_for_copies(world)
        for number in range(3):
            world.write(number, 200 + number)
        save(world)
        assert "No space left" in refused(world, world.there, *arguments, leave=leave)
        world.there.check(tmp_path / "out")
        world.again(world.here, *arguments)
        look_for_copies(world)
        world.there.check(tmp_path / "later")


@pytest.mark.parametrize("leave", [0, 70_000])
def test_a_restore(tmp_path: Path, leave: int) -> None:
    """Into a folder of a full disk: refused before anything is written, by its size."""
    with on_a_small_disk(tmp_path, "there") as world:
        out = world.there.folder / "restored"
        (point,) = world.here.points
        arguments = ("restore", point, "--into", str(out))
        assert "free" in refused(world, world.there, *arguments, code=6, leave=leave)
        assert not out.exists()
        world.again(world.here, *arguments)
        assert {name.partition("/")[2]: data for name, data in tree(out).items()} == world.here.points[point]


def test_a_repair(tmp_path: Path) -> None:
    """What was whole stays so; with room the copy makes all whole."""
    with on_a_small_disk(tmp_path, "here") as world:
        world.again(world.here, "copy", str(world.there.folder))
        look_for_copies(world)
        save(world)
        spoil(world)
        whole = world.here.whole()
        repair = ("repair", "--from", str(world.there.folder), "--yes")
        assert "No space left" in refused(world, world.here, *repair)
        assert whole <= world.here.whole()
        world.again(world.here, *repair)
        world.here.check(tmp_path / "out")
