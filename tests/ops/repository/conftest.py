"""A small repository in memory, and restore points to put into it."""

import io
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import pytest

from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import InMemoryStore, PointRef, Repository
from tests.passphrases import KINDS, of_kind
from tests.s3.versitygw import S3Server, s3_server

Publish = Callable[..., PointRef]
NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for all tests of a file; each has a prefix of its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def place(server: S3Server) -> dict[str, str]:
    """Return the settings of an empty repository on S3."""
    return server.environ(f"t{uuid4().hex}")


@pytest.fixture(params=KINDS, ids=["plain", "encrypted"])
def repository(request: pytest.FixtureRequest) -> Repository:
    """Make an empty repository in memory, plain or encrypted."""
    return Repository.create(InMemoryStore(), passphrase=of_kind(request.param))


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
