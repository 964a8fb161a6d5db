"""The whole way: every Redis type and documents, backed up in use, destroyed, restored, equal."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.ops.model import RedisDigest
from pipelines.ops.proof.live import live_digest
from pipelines.ops.proof.proving import known_digest
from pipelines.ops.redis.digest import differences
from pipelines.ops.restore.flow import restore
from tests.dataset import Writer, assert_prefix, fill
from tests.installation import backed_up, work_on
from tests.ops.capture.examples import documents, open_docs
from tests.ops.whole.observed import observed
from tests.s3.versitygw import s3_server
from tests.servers import LiveServer, live_server
from tests.waiting import wait_until

BIG = 64 << 20


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the settings of a repository on another place than the data."""
    if request.param == "folder":
        yield {"SYNAPSE_REPOSITORY": str(tmp_path / "repository")}
        return
    with s3_server(tmp_path / "s3") as server:
        yield server.environ("team/one")


@pytest.mark.parametrize("small_keys", [20_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_destroyed_and_restored(
    live: LiveServer, tmp_path: Path, small_keys: int, place: dict[str, str]
) -> None:
    """Backed up under full-speed writes, killed and removed, restored into an empty server: all is back."""
    fill(live, small_keys=small_keys, big_value=BIG)
    with closing(open_docs(tmp_path / "data", merge_at=40)) as docs:
        docs.add(documents("d", 30))
    before = observed(live)
    with Writer(live.client()) as writer:
        wait_until(lambda: writer.acknowledged > 1000, "the writer is at full speed")
        acknowledged = writer.acknowledged
        report = backed_up(work_on(tmp_path, live, place=place))
        wait_until(lambda: writer.acknowledged > acknowledged + 1000, "it has not stopped")
    assert writer.failure is None
    live.kill()
    shutil.rmtree(live.folder)
    shutil.rmtree(tmp_path / "data")
    with live_server(live.program, tmp_path / "empty") as server:
        work = work_on(tmp_path, server, data="new data", place=place)
        assert work.repository.resolve("latest") == report.ref
        assert restore(work, "latest")
        assert observed(server) == before
        with server.client() as client:
            assert_prefix(client, acknowledged)
        known = known_digest(work, report.ref.id)
        assert isinstance(known, RedisDigest)
        assert (
            differences(known, live_digest(work, server.address, reading="Read", comparing="Compare")) == ()
        )
    with closing(open_docs(tmp_path / "new data")) as docs:
        assert {document.id for document in docs.list()} == {f"d{number}" for number in range(30)}
