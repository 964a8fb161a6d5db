"""Backup, drill and restore on a real Dagger engine: to a folder and to S3, whole and damaged."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.ops.repository import Standing
from tests.app.doubles import ModelServer, serving
from tests.dag.recording.project import Ended
from tests.dataset import fill
from tests.engine.clone import Clone
from tests.installation import work_on
from tests.ops.capture.examples import MODEL, documents, open_docs
from tests.ops.whole.observed import observed
from tests.s3.versitygw import s3_server
from tests.servers import PROGRAMS, LiveServer, live_server

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]
ALL_PASSED = {"choose": "passed", "rehearse": "passed", "restore": "passed"}


@dataclass(frozen=True, slots=True)
class Installed:
    """A stack of this machine's: a Redis, documents, and a repository in a folder or on S3.

    `own` is the collection with its embedding server, without which no document could be served.
    """

    clone: Clone
    root: Path
    server: LiveServer
    place: dict[str, str]
    own: dict[str, str]
    objects: Path
    said: list[str]

    def run(self, name: str, *arguments: str, **more: str) -> Ended:
        """Run a job on it; `more` are further settings."""
        assert self.server.address.password
        ended = self.clone.run(
            name,
            *arguments,
            DATA_DIR=str(self.root / "data"),
            REDIS_PORT=str(self.server.address.port),
            REDIS_PASSWORD=self.server.address.password,
            API_PORT="1",
            **{**self.place, **self.own, **more},
        )
        self.said.append(ended.said + "".join(file.read_text() for file in self.reports()))
        return ended

    def reports(self) -> list[Path]:
        """Return the files that the last job has left."""
        return [path for path in self.clone.reports.rglob("*") if path.is_file()]

    def standing(self, point: str) -> Standing:
        """Return what the repository says of a point."""
        return work_on(self.root, self.server, place=self.place).repository.standing(point)

    def fill_documents(self) -> None:
        """Write documents where the backend keeps them."""
        with closing(open_docs(self.root / "data", merge_at=40)) as docs:
            docs.add(documents("d", 30))


@pytest.fixture(scope="module")
def clone(dagger: str, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone of the project as it is now."""
    return Clone(dagger, tmp_path_factory.mktemp("clone"))


@pytest.fixture(params=["folder", "s3"])
def installed(request: pytest.FixtureRequest, tmp_path: Path, clone: Clone) -> Iterator[Installed]:
    """Give a filled stack."""
    with (
        s3_server(tmp_path / "s3") as s3,
        live_server(PROGRAMS["redis"], tmp_path / "server") as server,
        serving(ModelServer(dimension=MODEL.dimension).app()) as url,
    ):
        own = {"COLLECTION": "docs", "EMBEDDING_URL": url, "EMBEDDING_MODEL": MODEL.name}
        place, objects = {"SYNAPSE_REPOSITORY": str(tmp_path / "kept")}, tmp_path / "kept" / "objects"
        if request.param == "s3":
            place, objects = s3.environ("kept"), s3.bucket_folder / "kept" / "objects"
        made = Installed(clone, tmp_path, server, place, own, objects, [])
        fill(server, small_keys=2000)
        made.fill_documents()
        yield made
        secrets = (server.address.password, s3.secret_key, s3.access_key)
        assert not [one for one in secrets if one and any(one in said for said in made.said)]


def test_saved_twice_destroyed_and_restored(installed: Installed) -> None:
    """Two backups are two proven points; restore.py rehearses, and then everything is back."""
    before = observed(installed.server)
    points = []
    for _ in range(2):
        ended = installed.run("backup")
        assert ended.code == 0, ended.said[-4000:]
        points.append(ended.figures("capture")["point"])
        assert installed.standing(points[-1]) is Standing.PROVEN
    assert len({*points}) == 2
    with installed.server.client() as client:
        client.flushall()
    shutil.rmtree(installed.root / "data")
    ended = installed.run("restore", "latest")
    assert (ended.code, ended.states()) == (0, ALL_PASSED), ended.said[-4000:]
    assert observed(installed.server) == before
    with closing(open_docs(installed.root / "data", merge_at=40)) as docs:
        assert docs.describe().documents == 30


def test_a_damaged_repository_is_found_before_anything_is_touched(installed: Installed) -> None:
    """A drill of the good one says how long a restore takes; of the damaged one both jobs end with 4."""
    point = installed.run("backup").figures("capture")["point"]
    drilled = installed.run("drill", "--within", "300")
    assert drilled.code == 0, drilled.said[-4000:]
    assert 0 < drilled.figures("rehearse")["seconds_to_restore"] < 300
    assert installed.standing(point) is Standing.PROVEN
    largest = max((path for path in installed.objects.rglob("*") if path.is_file()), key=size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    with largest.open("r+b") as file:  # in its place: the store's own notes on it stay
        file.write(content)
    with installed.server.client() as client:
        client.set("later", 1)
    before = observed(installed.server)
    restored = installed.run("restore", "latest")
    assert (restored.code, restored.states()["restore"]) == (4, "not run"), restored.said[-4000:]
    assert installed.run("drill").code == 4
    assert installed.standing(point) is Standing.DAMAGED
    assert observed(installed.server) == before


def test_documents_of_an_embedding_server_are_served_in_the_rehearsal(installed: Installed) -> None:
    """It listens on this machine's loopback; the ephemeral backend asks it. Without it the drill says so."""
    installed.run("backup")
    server = ModelServer(dimension=MODEL.dimension)
    with serving(server.app()) as url:
        drilled = installed.run("drill", EMBEDDING_URL=url)
        assert drilled.code == 0, drilled.said[-4000:]
        assert drilled.figures("rehearse")["restore"]["served"]["documents"] == 30
        assert server.asked
    without = installed.run("drill", COLLECTION="another")
    assert (without.code, without.states()["rehearse"]) == (1, "failed")
    assert "Set COLLECTION to one that the point holds" in without.stderr
    drilled = installed.run("drill", EMBEDDING_URL=url)
    assert (drilled.code, drilled.states()["rehearse"]) == (5, "failed")
    assert "nothing answers" in drilled.stderr


def size(path: Path) -> int:
    """Return the size of a file."""
    return path.stat().st_size
