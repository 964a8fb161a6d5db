"""A backup of the stack in containers that is killed or hangs: nobody waits, and no half point is left."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.begun import Begun, begun
from tests.stack.deployment import Deployment
from tests.stack.running import Writer, stack
from tests.waiting import wait_until

__all__ = ["stack"]

LONG_AGO = 0
"""When an unfinished write was begun that is rubbish by now."""
NEW, NEW_BYTES = 400, 100_000


def copies(stack: Deployment) -> bool:
    """Say whether Redis gives a copy of itself."""
    with stack.redis() as client:
        return bool(client.info("replication")["connected_slaves"])


def stored(stack: Deployment) -> int:
    """Count the objects in the repository."""
    return sum(1 for _ in (stack.folder / "backups" / "objects").glob("*/*"))


def points(stack: Deployment) -> set[Path]:
    """Return the manifests of the repository."""
    return set((stack.folder / "backups" / "points").iterdir())


def until_it_copies(backup: Begun) -> None:
    """Meet a backup that takes its copy of Redis."""
    backup.come_to(lambda: copies(backup.stack))


def until_it_stores(backup: Begun) -> None:
    """Meet a backup that writes objects into the repository."""
    before = stored(backup.stack)
    backup.come_to(lambda: stored(backup.stack) > before + 1)


STAGES: dict[str, Callable[[Begun], None]] = {"copies": until_it_copies, "stores": until_it_stores}


@pytest.fixture(scope="module")
def kept(stack: Deployment) -> str:
    """Take one point for all tests."""
    return str(json.loads(stack.ops("backup", "--json"))["point"])


@pytest.fixture
def known(stack: Deployment, kept: str) -> set[Path]:
    """Return the points that there are before."""
    del kept
    return points(stack)


@pytest.fixture
def writer(stack: Deployment) -> Iterator[Writer]:
    """Write all the while; both stores take it again at the end, and nothing acknowledged is missing."""
    with Writer(stack) as writer:
        go_through(writer)
        yield writer
        go_through(writer)
    assert writer.missing() == ([], [])


@pytest.fixture(params=STAGES)
def met(
    request: pytest.FixtureRequest, stack: Deployment, known: set[Path], writer: Writer
) -> Iterator[Begun]:
    """Begin a backup of much that is new while others write, and meet it at a stage of its course."""
    del known, writer
    with stack.redis() as client:
        for number in range(NEW):
            client.set(f"new:{number}", os.urandom(NEW_BYTES))
    with begun(stack, "backup") as backup:
        STAGES[request.param](backup)
        yield backup


def go_through(writer: Writer) -> None:
    """Return when more keys and documents than before were taken."""
    keys, documents = len(writer.keys), len(writer.documents)
    wait_until(
        lambda: len(writer.keys) > keys + 50 and len(writer.documents) > documents + 3, "it is written"
    )


def test_it_is_killed(stack: Deployment, kept: str, known: set[Path], writer: Writer, met: Begun) -> None:
    """Writes go on, the repository is good, and the next backup leaves nothing of it behind."""
    met.kill()
    go_through(writer)
    wait_until(lambda: not copies(stack), "Redis has let it go")
    assert points(stack) == known
    assert left(stack)
    assert json.loads(stack.ops("verify", kept, "--level", "2", "--json"))["proofs"][0]["good"]
    for unfinished in (stack.folder / "backups" / "tmp").iterdir():
        os.utime(unfinished, (LONG_AGO, LONG_AGO))
    assert json.loads(stack.ops("backup", "--json"))["proof"]["good"]
    assert len(points(stack) - known) == 1
    assert left(stack) == []


def left(stack: Deployment) -> list[str]:
    """Return what is in the scratch volume and unfinished in the repository, and the containers of `ops`."""
    scratch = stack.compose("run", "--rm", "-T", "--entrypoint", "ls", "ops", "-A", "/scratch").stdout
    unfinished = [path.name for path in (stack.folder / "backups" / "tmp").iterdir()]
    containers = stack.engine.docker("ps", "--all", "--quiet", "--filter", "name=ops-run")
    return [*scratch.split(), *unfinished, *containers.split()]


def test_it_hangs(stack: Deployment, known: set[Path], writer: Writer, met: Begun) -> None:
    """Writes go on, and another backup is taken and proven; continued, it goes well itself.

    While one hangs that Redis copies itself to, the other waits until Redis lets that go, for a minute.
    """
    with met.frozen():
        go_through(writer)
        assert json.loads(stack.ops("backup", "--json"))["proof"]["good"]
        assert len(points(stack) - known) == 1
    said = met.said()
    assert met.process.returncode == 0, said
    assert len(points(stack) - known) == 2
    assert left(stack) == []


@pytest.mark.parametrize("met", ["copies"], indirect=True)
def test_a_restore_while_it_hangs(stack: Deployment, kept: str, writer: Writer, met: Begun) -> None:
    """Refused with the reason, for the copy would be half of before and half of after; later it goes well."""
    with met.frozen():
        said = " ".join(stack.ops("restore", kept, "--yes", code=6).split())
        assert "A backup of /app/data is being taken" in said
        assert "If it hangs," in said
        assert "`docker ps --filter name=ops-run` shows" in said
        go_through(writer)
    said = met.said()
    assert met.process.returncode == 0, said
