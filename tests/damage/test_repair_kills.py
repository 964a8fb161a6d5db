"""SIGKILL of a repair at any moment: what was whole is whole, and run again it mends all that it can."""

import random
import shutil
from pathlib import Path

import pytest

from pipelines.ops.repository import FolderStore, PointRef, Repository
from tests.damage.killing import ends, killed
from tests.damage.test_copy_kills import source_at
from tests.ops.repository.test_copying import copied

SEED = 20261130
POINTS = 8
REPAIRS = "tests.ops.repository.mending"


def spoil(here: Path, there: Path, chance: random.Random) -> None:
    """Damage half of the objects and a manifest; the copy lacks one of those objects."""
    objects = sorted((here / "objects").rglob("*/*"))
    spoiled = chance.sample(objects, len(objects) // 2)
    for path in spoiled:
        if chance.random() < 0.5:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    gone = spoiled[0].relative_to(here)
    (there / gone).unlink(missing_ok=True)
    chance.choice(sorted((here / "points").iterdir())).write_bytes(b"rubbish")


def whole_points(repository: Repository) -> set[str]:
    """Return the points of which every byte is right."""
    refs: list[PointRef] = [ref for ref in repository.points() if not ref.problem]
    return {ref.id for ref in refs if repository.check_bytes(repository.load(ref)) == []}


def rounds(tmp_path: Path, kills: int) -> None:
    """Spoil a repository, kill so many repairs, and let the last one end; begin anew when one is whole."""
    chance = random.Random(SEED)
    copied(source_at(tmp_path / "here", POINTS), Repository.create(FolderStore(tmp_path / "there")))
    whole = ends(REPAIRS, *map(str, laid(tmp_path, "timed", chance)))
    partly = 0
    here = there = tmp_path
    saved = True
    for number in range(kills):
        where = f"seed {SEED}, kill {number}"
        if saved:
            here, there = laid(tmp_path, str(number), chance)
        repository = Repository.open(FolderStore(here))
        before, count = whole_points(repository), len(list((here / "objects").rglob("*/*")))
        saved = killed(REPAIRS, str(here), str(there), chance=chance, whole=whole)
        assert before <= whole_points(repository), where
        partly += not saved and len(list((here / "objects").rglob("*/*"))) != count
    assert partly, "no kill came between the first change and the last"
    ends(REPAIRS, str(here), str(there))
    repository = Repository.open(FolderStore(here))
    assert whole_points(repository) == {ref.id for ref in repository.points()} == whole_in(there)
    assert 0 < len(repository.points()) < POINTS


def laid(tmp_path: Path, name: str, chance: random.Random) -> tuple[Path, Path]:
    """Lay both repositories anew, the first spoiled."""
    here, there = tmp_path / f"here-{name}", tmp_path / f"there-{name}"
    shutil.copytree(tmp_path / "here", here)
    shutil.copytree(tmp_path / "there", there)
    spoil(here, there, chance)
    return here, there


def whole_in(there: Path) -> set[str]:
    """Return the points that the copy can give."""
    return whole_points(Repository.open(FolderStore(there)))


@pytest.mark.timeout(900)
def test_killed_repairs(tmp_path: Path) -> None:
    """Some kills."""
    rounds(tmp_path, 10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_killed_repairs(tmp_path: Path) -> None:
    """As above, for long."""
    rounds(tmp_path, 300)
