"""SIGKILL of a real backup at random moments: no half point shows, no earlier one changes."""

import random
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.recover import recover
from tests.ops.capture.examples import documents, open_docs
from tests.ops.restore.stack import PROGRAMS, Stack, Writer, stack
from tests.s3.versitygw import s3_server

SEED = 20261126
LONGEST_S = 1.5
FAMILIES = sorted(PROGRAMS)


def rounds(root: Path, family: str, count: int, place: Mapping[str, str] | None = None) -> None:
    """Kill so many backups under a writer; then the next one is proven, and every point is whole."""
    chance = random.Random(f"{SEED} {family}")
    with stack(root, family, place=place) as one:
        work = one.work()
        index = open_docs(work.data_dir)
        index.add(documents("d", 20))
        index.close()
        with one.client() as client:
            client.mset({f"old:{number}": number for number in range(5000)})
        acknowledged = {one.backup(work)}
        before, expected = one.state(), one.digest(work)
        killed = 0
        with Writer(one):
            for number in range(count):
                after = chance.uniform(0.3, LONGEST_S)
                print(f"seed {SEED}, round {number}: {after:.3f} s")  # noqa: T201  # shown when it fails
                with one.backing_up() as process:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(after)
                    killed += process.poll() is None
                    process.kill()
                    out, _ = process.communicate()
                acknowledged |= set(out.split())
                check(one, acknowledged)
        assert killed > count // 4
        assert one.state() == before
        recover(work)  # as every command does when it begins
        one.backup(work)
        with one.client() as client:
            for key in client.scan_iter("written:*", count=5000):
                client.delete(key)
        assert differences(expected, one.digest(work)) == ()
        assert not list(work.scratch.root.glob("synapse-spool-*"))


def check(one: Stack, acknowledged: set[str]) -> None:
    """Every acknowledged point is listed, and no listed one lacks anything."""
    repository = one.work().repository
    refs = repository.points()
    assert acknowledged <= {ref.id for ref in refs}
    assert [ref.problem for ref in refs if ref.problem] == []
    for ref in refs[:2]:
        assert repository.check_bytes(repository.load(ref)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_killed_backups(tmp_path: Path, family: str) -> None:
    """Some of each family."""
    rounds(tmp_path, family, 6)


def test_killed_backups_to_s3(tmp_path: Path) -> None:
    """As above, to a real S3 server."""
    with s3_server(tmp_path / "s3") as server:
        rounds(tmp_path, FAMILIES[0], 6, server.environ("killed"))


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_many_killed_backups(tmp_path: Path, family: str) -> None:
    """As above, for long: 500 in all."""
    rounds(tmp_path, family, 250)


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_many_killed_backups_to_s3(tmp_path: Path, family: str) -> None:
    """As above, for long: 200 in all."""
    with s3_server(tmp_path / "s3") as server:
        rounds(tmp_path, family, 100, server.environ("killed"))
