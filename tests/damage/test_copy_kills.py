"""SIGKILL of a copy at any moment: no half point is to be seen, and it goes on where it was."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.ops.repository import FolderStore, Repository
from pipelines.ops.repository.copying import essence
from tests.ending import ended
from tests.ops.cli.laying_points import lay
from tests.passphrases import OTHER, of_kind

SEED = 20261130
POINTS = 25
MORE = 6
"""How many times as many kills are tried until one came between two points."""


def source_at(root: Path, points: int = POINTS) -> Repository:
    """Lay a repository with points that share some files."""
    chance = random.Random(SEED)
    made = Repository.create(FolderStore(root))
    pool = [chance.randbytes(20_000) for _ in range(60)]
    for number in range(points):
        lay(made, {str(one): pool[one] for one in chance.sample(range(60), 12)}, minutes=number)
    return made


def killed(here: Path, there: Path, phrase: str, wait: float | None) -> bool:
    """Copy until it is killed some seconds after it began, or to the end; return whether it had ended."""
    command = [sys.executable, "-m", "tests.ops.repository.carrying", str(here), str(there), phrase]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child, ended(child):
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if wait is not None:
            # Nothing to wait for: a kill may come at any moment.
            time.sleep(wait)
            child.kill()
        return "ended\n" in child.stdout.readlines()


def rounds(tmp_path: Path, phrase: str, kills: int) -> None:
    """Kill so many copies, laying a new one when one is whole; each point that is there is whole."""
    chance = random.Random(f"{SEED} {phrase}")
    here = tmp_path / "here"
    source = source_at(here)
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    said = {essence(source.load(ref)) for ref in source.points()}
    began = time.monotonic()
    assert killed(here, tmp_path / "timed", phrase, None)
    longest = 1.2 * (time.monotonic() - began)
    partly, copy = 0, 0
    for number in range(MORE * kills):
        if partly and number >= kills:
            break
        there = tmp_path / f"there-{copy}"
        whole = killed(here, there, phrase, chance.uniform(0, longest))
        target = Repository.open(FolderStore(there), of_kind(phrase or None))
        refs = target.points()
        where = f"seed {SEED}, kill {number}"
        assert [ref.problem for ref in refs if ref.problem] == [], where
        for ref in refs:
            assert essence(target.load(ref)) in said, where
            assert target.check_bytes(target.load(ref)) == [], where
        partly += 0 < len(refs) < POINTS
        if whole:
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
