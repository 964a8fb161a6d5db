"""SIGKILL of a copy at any moment: no half point is to be seen, and it goes on where it was."""

import random
from pathlib import Path

import pytest

from pipelines.ops.repository import FolderStore, Repository
from pipelines.ops.repository.copying import essence
from tests.damage.killing import ends, killed
from tests.ops.cli.laying_points import lay
from tests.passphrases import OTHER, of_kind

SEED = 20261130
POINTS = 25
COPIES = "tests.ops.repository.carrying"


def source_at(root: Path, points: int = POINTS) -> Repository:
    """Lay a repository with points that share some files."""
    chance = random.Random(SEED)
    made = Repository.create(FolderStore(root))
    pool = [chance.randbytes(20_000) for _ in range(60)]
    for number in range(points):
        lay(made, {str(one): pool[one] for one in chance.sample(range(60), 12)}, minutes=number)
    return made


def rounds(tmp_path: Path, phrase: str, kills: int) -> None:
    """Kill so many copies, laying a new one when one is whole; each point that is there is whole."""
    chance = random.Random(f"{SEED} {phrase}")
    here = tmp_path / "here"
    source = source_at(here)
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    said = {essence(source.load(ref)) for ref in source.points()}
    whole = ends(COPIES, str(here), str(tmp_path / "timed"), phrase)
    partly, copy = 0, 0
    for number in range(kills):
        there = tmp_path / f"there-{copy}"
        saved = killed(COPIES, str(here), str(there), phrase, chance=chance, whole=whole)
        target = Repository.open(FolderStore(there), of_kind(phrase or None))
        refs = target.points()
        where = f"seed {SEED}, kill {number}"
        assert [ref.problem for ref in refs if ref.problem] == [], where
        for ref in refs:
            assert essence(target.load(ref)) in said, where
            assert target.check_bytes(target.load(ref)) == [], where
        partly += 0 < len(refs) < POINTS
        if saved:
            assert len(refs) == POINTS, where
            copy += 1
    assert partly, "no kill came between the first point and the last"
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.timeout(900)
@pytest.mark.parametrize("phrase", ["", OTHER], ids=["as stored", "stored anew"])
def test_killed_copies(tmp_path: Path, phrase: str) -> None:
    """Some kills."""
    rounds(tmp_path, phrase, 8)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("phrase", ["", OTHER], ids=["as stored", "stored anew"])
def test_many_killed_copies(tmp_path: Path, phrase: str) -> None:
    """As above, for long."""
    rounds(tmp_path, phrase, 250)
