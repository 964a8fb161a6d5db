"""SIGKILL of a restore, or of its target, at random moments: the next call leaves wholly old or new data."""

import random
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from app.stores.index.layout import restore_marker
from pipelines.ops.context import Context
from pipelines.ops.proof.proving import fetch
from pipelines.ops.redis.boot import boot, program_for
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.recover import recover
from tests.ops.restore.stack import PROGRAMS, Stack, Writer, stack, written

SEED = 20260708
LONGEST_S = 4.0
FAMILIES = sorted(PROGRAMS)


def kill_once(one: Stack, point: str, after: float, *, target: bool) -> None:
    """Kill the restore, or the server, so many seconds after the restore began; then end the restore."""
    work = one.work()
    began = work.now()
    with Writer(one) as writer, one.restoring(point) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        if target:
            one.kill()
            one.start()
            process.wait(120)
        else:
            process.kill()
            process.wait()
        recover(work)
        settled = max(writer.acknowledged, default=0)
    with one.client() as client:
        new = not client.exists("later")
    kept = written(one)
    late = {number for number in writer.acknowledged if number > settled}
    assert late <= kept
    if new:
        # What was written before the swap is in the safety point that the restore took of it.
        kept |= safely_kept(one, work, began)
    missing = set(writer.acknowledged) - kept
    assert not missing, (new, sorted(missing)[:5])


def safely_kept(one: Stack, work: Context, began: datetime) -> set[int]:
    """Return the writer's numbers in the safety points that were taken since then."""
    found: set[int] = set()
    for ref in work.repository.points():
        source = work.repository.load(ref).redis if ref.label == "safety" and ref.time >= began else None
        if source is None:
            continue
        with work.spool("look") as spool:
            fetch(work, source, spool / "redis")
            program = program_for(source, work.scratch)
            with boot(source, spool / "redis", program, work.scratch) as server:
                found |= {int(key.split(b":")[1]) for key in server.client.scan_iter("written:*", count=5000)}
    return found


def check(one: Stack, before: tuple[str, list[str], dict[str, str]], old: object, new: object) -> None:
    """All but the writer's keys is as in the point or as before, and nothing is left of the restore."""
    work = one.work()
    assert not restore_marker(work.data_dir).exists()
    assert one.state() == before
    with one.client() as client:
        for number in written(one):
            client.delete(f"written:{number}")
    found = one.digest(work)
    assert [wanted for wanted in (old, new) if differences(wanted, found) == ()]  # type: ignore[arg-type]  # digests


def rounds(root: Path, family: str, count: int, *, target: bool) -> None:
    """Kill so many restores of one point into a server with later data."""
    chance = random.Random(f"{SEED} {family} {target}")
    # With `everysec` a server that is killed may itself lose what it acknowledged while an fsync took long.
    with stack(root, family, "appendfsync always") as one:
        work = one.work()
        with one.client() as client:
            client.mset({f"old:{number}": number for number in range(3000)})
        point, new = one.backup(work), one.digest(work)
        with one.client() as client:
            client.set("later", 1)
        old, before = one.digest(work), one.state()
        for number in range(count):
            after = chance.uniform(0.3, LONGEST_S)
            print(f"seed {SEED}, round {number}: killed after {after:.3f} s")  # noqa: T201  # shown when it fails
            with one.client() as client:
                client.set("later", 1)
            kill_once(one, point, after, target=target)
            check(one, before, old, new)


@pytest.mark.parametrize(("family", "count"), [("redis", 2), ("valkey", 2)])
def test_killed_restores(tmp_path: Path, family: str, count: int) -> None:
    """The restore is killed."""
    rounds(tmp_path, family, count, target=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_killed_targets(tmp_path: Path, family: str) -> None:
    """The target is killed, and started again as a supervisor does."""
    rounds(tmp_path, family, 2, target=True)


@pytest.mark.soak
@pytest.mark.parametrize("target", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_many_kills(tmp_path: Path, family: str, *, target: bool) -> None:
    """As above, for long: 500 restores and 500 targets in all."""
    rounds(tmp_path, family, 250, target=target)
