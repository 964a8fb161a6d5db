"""A small repository in memory, and restore points to put into it."""

import io
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import InMemoryStore, PointRef, Repository

Publish = Callable[..., PointRef]
NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)


@pytest.fixture
def repository() -> Repository:
    """Make an empty repository in memory."""
    return Repository.create(InMemoryStore())


@pytest.fixture
def publish(repository: Repository) -> Publish:
    """Give a function that stores some files and publishes them as a point, some minutes after noon."""

    def publish_files(
        files: Mapping[str, bytes], minutes: int = 0, label: Literal["backup", "safety", "import"] = "backup"
    ) -> PointRef:
        stored = repository.store_files((name, io.BytesIO(data)) for name, data in files.items())
        started = NOON + timedelta(minutes=minutes)
        return repository.publish(
            RestorePoint(
                label=label,
                host="here",
                software={"synapse": "0"},
                started=started,
                finished=started + timedelta(seconds=3),
                faiss=FaissSource(way="folder", files=stored.files),
            )
        )

    return publish_files


@pytest.fixture
def some_bytes() -> Callable[[int], bytes]:
    """Give a function that makes the same random bytes of a length in every run."""
    return random.Random(7).randbytes
