"""Three writers and a prune at once, each a real command: all end well, and every point restores."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.damage.aging import age
from tests.damage.soaking import Ended, Side, World, tree
from tests.damage.test_soak import side
from tests.ending import ended
from tests.s3.versitygw import s3_server

SEED = 20261203
WRITERS = 3
AGAIN = "Run the backup again."


def start(world: World, given: Mapping[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of a machine of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.damage.commanding", *arguments, "--json"],
        env={**world.environ(world.here), **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_once(world: World, folders: list[Path]) -> tuple[list[Ended], Ended]:
    """Save each folder, and prune, all at once; return how the backups ended, and the prune."""
    saving = ("backup", "--only", "faiss", "--no-verify", "--faiss-folder")
    with ExitStack() as held:
        processes = [
            start(world, {"DATA_DIR": str(folder.parent / "data")}, *saving, str(folder))
            for folder in folders
        ]
        processes.append(start(world, {}, "prune"))
        for process in processes:
            held.enter_context(ended(process))
        said = [process.communicate(timeout=300) for process in processes]
        codes = [process.returncode for process in processes]
    *backups, prune = [
        Ended(code, out.removeprefix("ready\n"), err) for code, (out, err) in zip(codes, said, strict=True)
    ]
    return backups, prune


def rounds(world: World, pool: list[Path], count: int) -> None:
    """Save three of a few indexes at once, so that what was forgotten is wanted again while it is deleted."""
    here = world.here
    deleted = 0
    for number in range(count):
        where = f"seed {SEED}, round {number}"
        here.thin(2)
        folders = []
        for writer in range(WRITERS):
            folder = world.root / f"machine-{writer}" / "indexes"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for one in world.chance.sample(pool, 2):
                shutil.copy(one, folder)
            folders.append(folder)
        age(here.folder)
        backups, prune = at_once(world, folders)
        assert prune.code == 0, (where, prune)
        deleted += json.loads(prune.out)["deleted"]["objects"]
        for folder, done in zip(folders, backups, strict=True):
            out = json.loads(done.out)
            if done.code:
                # The prune was the first; nothing of the point is to be seen.
                assert (done.code, out["error"]["hint"]) == (4, AGAIN), (where, done)
            else:
                here.points[out["point"]] = tree(folder)
        here.check(world.root / f"out-{number}")
    assert deleted
    here.clean()


def laid(tmp_path: Path, here: Side) -> tuple[World, list[Path]]:
    """Lay the repository, and a few indexes to save."""
    world = World(tmp_path, random.Random(SEED), here, side(tmp_path / "there"))
    for number in range(12):
        world.write(number, number)
    return world, sorted(world.indexes.iterdir())


@pytest.mark.timeout(600)
def test_in_a_folder(tmp_path: Path) -> None:
    """Some rounds."""
    rounds(*laid(tmp_path, side(tmp_path / "here")), 5)


@pytest.mark.timeout(600)
def test_on_s3(tmp_path: Path) -> None:
    """As above, on a real S3 server."""
    with s3_server(tmp_path / "s3") as server:
        rounds(*laid(tmp_path, Side(server.environ(), server.bucket_folder)), 5)


@pytest.mark.soak
def test_for_long_in_a_folder(tmp_path: Path) -> None:
    """A hundred rounds."""
    rounds(*laid(tmp_path, side(tmp_path / "here")), 100)


@pytest.mark.soak
def test_for_long_on_s3(tmp_path: Path) -> None:
    """A hundred rounds."""
    with s3_server(tmp_path / "s3") as server:
        rounds(*laid(tmp_path, Side(server.environ(), server.bucket_folder)), 100)
