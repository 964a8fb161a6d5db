"""Both passes of a prune in an encrypted repository."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import InMemoryStore, PointRef, Repository
from pipelines.ops.repository.condemned import read_lists
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.times import Times
from tests.ops.repository.keeping import DAY, HOUR, Clock
from tests.passphrases import KINDS, of_kind

OLD, BOTH = b"only in the old point", b"in both points"


@pytest.mark.parametrize("kind", KINDS, ids=["plain", "encrypted"])
def test_what_no_point_needs_is_deleted_and_the_rest_restores(kind: str | None, tmp_path: Path) -> None:
    """The list of the first pass is found by its name and carried out; encrypted, it shows no id."""
    clock = Clock()
    below = InMemoryStore(now=clock)
    repository = replace(
        Repository.create(below, passphrase=of_kind(kind)),
        now=clock.machine,
        pace=Pace(Times(), clock.wait),
    )
    publish = publishing(repository, clock)
    old = publish(OLD, BOTH)
    clock.wait(DAY)
    new = publish(BOTH)
    clock.wait(DAY)
    repository.forget(old)
    repository.prune()
    (listed,) = read_lists(repository.store)
    (doomed,) = listed.objects
    shown = any(doomed.encode() in value for value in below.values.values())
    assert shown is (of_kind(kind) is None)
    clock.wait(12 * HOUR)
    assert repository.prune().deleted.objects == 1
    assert len([key for key in below.values if key.startswith("objects/")]) == 1
    assert not [key for key in below.values if key.startswith(("condemned/", "prunes/"))]
    source = repository.load(new).faiss
    assert source is not None
    repository.restore_files(source.files, tmp_path / "back")
    assert [file.read_bytes() for file in (tmp_path / "back").iterdir()] == [BOTH]


def publishing(repository: Repository, clock: Clock) -> Callable[..., PointRef]:
    """Give a function that publishes a point of some files."""

    def publish(*contents: bytes) -> PointRef:
        stored = repository.store_files((data.hex(), io.BytesIO(data)) for data in contents)
        now = clock.machine()
        source = FaissSource(way="folder", files=stored.files)
        return repository.publish(
            RestorePoint(host="here", software={}, started=now, finished=now, faiss=source)
        )

    return publish
