"""SIGKILL of backups and prunes that run at once: every point that was kept restores bit for bit."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.ops.repository import Repository, store_at
from pipelines.ops.settings import load
from tests.damage.aging import age
from tests.ending import ended
from tests.ops.repository.churning import POOL
from tests.s3.versitygw import s3_environ, s3_server

SEED = 20261125
LONGEST_S = 1.5


def rounds(environ: Mapping[str, str], folder: Path, count: int, out: Path) -> None:
    """Kill all so many times; all files are made older between, while nobody lives."""
    chance = random.Random(SEED)
    Repository.open_or_create(store_at(load(environ, None).repository))
    took: set[str] = set()
    forgotten: set[str] = set()
    objects: set[str] = set()
    gone: set[str] = set()
    for number in range(count):
        said = one_round(environ, chance, number)
        took |= {line.split()[1] for line in said if line.startswith("took ")}
        forgotten |= {line.split()[1] for line in said if line.startswith("forgets ")}
        repository = Repository.open(store_at(load(environ, None).repository))
        refs = repository.points()
        where = f"seed {SEED}, round {number}"
        present = {one.key for one in repository.store.list("objects/")}
        gone, objects = gone | (objects - present), present
        assert [ref.problem for ref in refs if ref.problem] == [], where
        assert took - forgotten <= {ref.id for ref in refs}, where
        for ref in refs[:40]:
            restore(repository, ref.id, out / f"{number}-{ref.short}")
        age(folder)
    assert took
    assert forgotten
    assert gone, "no prune deleted anything before it was killed"
    settle(environ, folder)


def one_round(environ: Mapping[str, str], chance: random.Random, number: int) -> list[str]:
    """Run two backups and a prune, or the reverse, until they are killed; return what they said."""
    said: list[str] = []
    roles = ("take", "thin", "thin") if number % 2 else ("take", "take", "thin")
    children = [start(environ, role, f"{SEED} {number} {place}") for place, role in enumerate(roles)]
    with ExitStack() as held:
        for child in children:
            held.enter_context(ended(child))
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        # Nothing to wait for: a kill may come at any moment.
        time.sleep(chance.uniform(0.05, LONGEST_S))
        for child in chance.sample(children, len(children)):
            child.kill()
        for child in children:
            assert child.stdout is not None
            said += [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
            assert child.wait() == -9, said
    return said


def start(environ: Mapping[str, str], role: str, seed: str) -> "subprocess.Popen[str]":
    """Start one of the two."""
    command = [sys.executable, "-m", "tests.ops.repository.churning", role, seed]
    return subprocess.Popen(command, env=dict(environ), stdout=subprocess.PIPE, text=True)


def restore(repository: Repository, point: str, folder: Path) -> None:
    """Restore a point; each file is what was saved."""
    source = repository.load(repository.resolve(point)).faiss
    assert source is not None
    repository.restore_files(source.files, folder)
    for path in folder.iterdir():
        assert path.read_bytes() == POOL[int(path.name)]


def settle(environ: Mapping[str, str], folder: Path) -> None:
    """After the last prunes nothing is left but what points need, however many had died."""
    repository = Repository.open(store_at(load(environ, None).repository))
    for _ in range(3):
        repository.prune()
        age(folder)
    report = repository.prune()
    assert (report.waiting.objects, report.fresh.objects, report.condemned.objects) == (0, 0, 0)
    left = {one.key.split("/")[0] for one in repository.store.list()}
    assert left <= {"config", "objects", "points"}


def in_folder(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a repository in a folder."""
    return {**os.environ, "SYNAPSE_REPOSITORY": str(tmp_path / "repository")}


def test_killed_prunes(tmp_path: Path) -> None:
    """Some rounds."""
    rounds(in_folder(tmp_path), tmp_path / "repository", 10, tmp_path / "out")


def test_killed_prunes_on_s3(tmp_path: Path) -> None:
    """As above, on a real S3 server."""
    with s3_server(tmp_path / "s3") as server:
        rounds(s3_environ(server, {}), server.bucket_folder, 8, tmp_path / "out")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_killed_prunes(tmp_path: Path) -> None:
    """As above, for long."""
    rounds(in_folder(tmp_path), tmp_path / "repository", 300, tmp_path / "out")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_killed_prunes_on_s3(tmp_path: Path) -> None:
    """As above, for long."""
    with s3_server(tmp_path / "s3") as server:
        rounds(s3_environ(server, {}), server.bucket_folder, 100, tmp_path / "out")
