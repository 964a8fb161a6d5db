"""What a machine has seen is missed when the repository is put back to before it, and nothing else is."""

import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.ops.remembering import Memory
from pipelines.ops.repository import InMemoryStore, PointRef, Repository
from tests.ops.cli.laying_points import BEGAN, lay
from tests.passphrases import KINDS, of_kind

NOW = datetime.now(UTC)


@dataclass
class Machine:
    """A repository in memory, and a machine's data folder."""

    folder: Path
    store: InMemoryStore
    repository: Repository

    @property
    def memory(self) -> Memory:
        """What the machine remembers."""
        return Memory(self.folder, self.repository)

    def look(self) -> str | None:
        """Look at it, as each command does."""
        return self.memory.look(NOW)

    def take(self, minutes: int) -> PointRef:
        """Take a point."""
        return lay(self.repository, {"f": b"%d" % minutes}, minutes)


@pytest.fixture(params=KINDS, ids=["plain", "encrypted"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """Lay an empty repository."""
    store = InMemoryStore()
    return Machine(tmp_path, store, Repository.create(store, passphrase=of_kind(request.param)))


def test_a_repository_that_was_put_back(machine: Machine) -> None:
    """It is said, also after the next backup, until the lost point is there again."""
    assert machine.look() is None
    old = machine.take(1)
    assert machine.look() is None
    before = copy.copy(machine.store.values)
    lost = machine.take(2)
    assert machine.look() is None
    whole = machine.store.values
    machine.store.values = before
    said = machine.look() or ""
    assert lost.short in said
    assert f"its newest is of {old.time:%Y-%m-%d %H:%M:%S}" in said
    machine.take(3)
    assert lost.short in (machine.look() or "")
    machine.store.values[lost.key] = whole[lost.key]
    assert machine.look() is None


def test_a_repository_without_points(machine: Machine) -> None:
    """Everything is gone but the config; the file that it names ends the alarm."""
    ref = machine.take(1)
    machine.look()
    del machine.store.values[ref.key]
    assert "it has none" in (machine.look() or "")
    assert str(machine.memory.file) in (machine.look() or "")
    machine.memory.file.unlink()
    assert machine.look() is None


def test_what_is_forgotten_here_is_not_lost(machine: Machine) -> None:
    """Though it was the newest; and what was lost is let go by its name."""
    refs = [machine.take(minutes) for minutes in (1, 2, 3)]
    machine.look()
    machine.memory.let_go({refs[2].id})
    machine.repository.forget(refs[2])
    assert machine.look() is None
    machine.repository.forget(refs[1])
    assert refs[1].short in (machine.look() or "")
    machine.memory.let_go({refs[1].id})
    assert machine.look() is None


def test_what_another_machine_forgets_is_not_lost(machine: Machine) -> None:
    """As long as something newer is there."""
    older = machine.take(1)
    machine.look()
    machine.take(2)
    machine.repository.forget(older)
    assert machine.look() is None


def test_a_point_of_the_future_is_not_remembered(machine: Machine) -> None:
    """A clock was wrong: when that point is forgotten elsewhere, nothing was lost."""
    machine.take(1)
    ahead = machine.take(int((NOW - BEGAN + timedelta(days=1)).total_seconds() / 60))
    assert machine.look() is None
    machine.repository.forget(ahead)
    assert machine.look() is None


def test_repositories_are_apart(machine: Machine, tmp_path: Path) -> None:
    """What one holds is not missed in another."""
    machine.take(1)
    machine.look()
    other = replace(machine, repository=Repository.create(InMemoryStore()))
    assert other.look() is None


@pytest.mark.parametrize("kept", [b"", b"{", b'{"newest": {"id": 1}}', b"\xff"])
def test_a_spoiled_memory_is_none(machine: Machine, kept: bytes) -> None:
    """It is written anew."""
    ref = machine.take(1)
    machine.look()
    machine.memory.file.write_bytes(kept)
    assert machine.look() is None
    machine.store.delete(ref.key)
    assert ref.short in (machine.look() or "")


def test_a_machine_without_data_remembers_nothing(machine: Machine) -> None:
    """No folder is made for it, and none is asked for."""
    away = replace(machine, folder=machine.folder / "missing")
    ref = away.take(1)
    assert away.look() is None
    assert not away.folder.exists()
    away.store.delete(ref.key)
    assert away.look() is None
