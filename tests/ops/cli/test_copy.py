"""`synapse copy` between real folders and a real S3 server: what it says and does, and its exit codes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ops.repository import FolderStore, Repository, store_at
from pipelines.ops.settings import load
from tests.ops.cli.laying_points import lay, run, told
from tests.passphrases import OTHER, PHRASE
from tests.s3.versitygw import S3Server, s3_server

FRESH = random.Random(20261130)
FILES = {"index": FRESH.randbytes(1_500_000), "small": b"small", "empty": b""}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for all tests."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    """Lay a folder with two points."""
    made = Repository.create(FolderStore(tmp_path / "here"))
    lay(made, FILES)
    lay(made, {**FILES, "small": b"changed"}, minutes=5)
    return made


def contents(root: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_to_s3_and_back_into_a_folder(source: Repository, server: S3Server, tmp_path: Path) -> None:
    """The same ids all the way; a second copy copies nothing; the source is as it was."""
    there = server.environ("out")
    url = there.pop("SYNAPSE_REPOSITORY")
    before = contents(tmp_path / "here")
    dry = told(tmp_path, "here", "copy", url, "--dry-run", given=there)
    assert (dry["done"], [one["state"] for one in dry["points"]]) == (False, ["to copy", "to copy"])
    assert not (server.bucket_folder / "out").exists()
    made = told(tmp_path, "here", "copy", url, given=there)
    assert (made["copied"], [one["state"] for one in made["points"]]) == (2, ["copied", "copied"])
    assert made["bytes_new"] > 1_500_000
    again = told(tmp_path, "here", "copy", url, given=there)
    assert (again["copied"], again["objects_new"], again["done"]) == (0, 0, False)
    told(tmp_path, url, "copy", "back", given=there)
    assert contents(tmp_path / "here") == before
    back = Repository.open(FolderStore(tmp_path / "back"))
    assert [ref.id for ref in back.points()] == [ref.id for ref in source.points()]
    for ref in back.points():
        assert back.check_bytes(back.load(ref)) == []
    assert contents(tmp_path / "back" / "objects") == contents(tmp_path / "here" / "objects")


def test_into_another_store_with_keys_of_its_own(
    source: Repository, server: S3Server, tmp_path: Path
) -> None:
    """SYNAPSE_COPY_AWS_… is of the other place alone; what AWS_… says is then not sent there."""
    there = server.environ("own")
    url = there.pop("SYNAPSE_REPOSITORY")
    own = {f"SYNAPSE_COPY_{name}": value for name, value in there.items()}
    wrong = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert told(tmp_path, "here", "copy", url, given=own | wrong)["copied"] == 2
    assert "cannot be reached" in run(tmp_path, "here", "copy", url, code=5, given=there | wrong).stderr
    made = Repository.open(store_at(load({"SYNAPSE_REPOSITORY": url, **there}, None).repository))
    assert len(made.points()) == len(source.points())


def test_into_an_encrypted_one_and_out_of_it(source: Repository, tmp_path: Path) -> None:
    """Made under a passphrase of its own; known again; never in the clear but by a word."""
    secret = {"SYNAPSE_COPY_PASSPHRASE": OTHER}
    made = run(tmp_path, "here", "copy", "vault", given=secret)
    assert "now an encrypted repository. Whoever loses the passphrase" in made.stderr
    assert "2 restore points were copied" in made.stdout
    assert "unproven until it is verified itself" in made.stdout
    assert "2 restore points are in" in run(tmp_path, "here", "copy", "vault", given=secret).stdout
    assert all(b"small" not in data for data in contents(tmp_path / "vault").values())
    locked = told(tmp_path, "here", "copy", "vault", code=2)["error"]
    assert "SYNAPSE_COPY_PASSPHRASE_FILE is not set" in locked["what"]
    wrong = told(tmp_path, "here", "copy", "vault", code=2, given={"SYNAPSE_COPY_PASSPHRASE": PHRASE})[
        "error"
    ]
    assert "SYNAPSE_COPY_PASSPHRASE_FILE" in wrong["hint"]
    opened = {"SYNAPSE_PASSPHRASE": OTHER}
    for clear in ("new", "here"):
        assert "in the clear" in run(tmp_path, "vault", "copy", clear, code=6, given=opened).stderr
    assert not (tmp_path / "new").exists()
    assert told(tmp_path, "vault", "copy", "here", "--decrypt", given=opened)["copied"] == 0
    assert told(tmp_path, "vault", "copy", "new", "--decrypt", given=opened)["copied"] == 2
    plain = Repository.open(FolderStore(tmp_path / "new"))
    assert [ref.id for ref in plain.points()] == [ref.id for ref in source.points()]


def test_a_passphrase_for_a_plain_copy_is_refused(source: Repository, tmp_path: Path) -> None:
    """Nothing goes into the clear that was meant to be secret."""
    run(tmp_path, "here", "copy", "plain")
    refused = told(tmp_path, "here", "copy", "plain", code=6, given={"SYNAPSE_COPY_PASSPHRASE": OTHER})[
        "error"
    ]
    assert "SYNAPSE_COPY_PASSPHRASE(_FILE) away" in refused["hint"]
    assert source.points()


def test_one_point_by_its_name(source: Repository, tmp_path: Path) -> None:
    """`latest` and ids mean what they mean everywhere."""
    made = told(tmp_path, "here", "copy", "there", "latest")
    assert [one["id"] for one in made["points"]] == [source.points()[0].id]
    said = run(tmp_path, "here", "copy", "there").stdout
    assert "1 restore points were copied" in said
    assert "1 were there already" in said


def test_damage_is_loud_and_keeps_no_other_point_from_being_copied(
    source: Repository, tmp_path: Path
) -> None:
    """Code 4; what is whole is there."""
    old, new = source.points()[1], source.points()[0]
    faiss = source.load(new).faiss
    assert faiss
    (identity,) = next(entry.objects for entry in faiss.files if entry.path == "small")
    (tmp_path / "here" / "objects" / identity[:2] / identity).write_bytes(b"Rother!")
    said = told(tmp_path, "here", "copy", "there", code=4)
    assert [one["state"] for one in said["points"]] == ["damaged", "copied"]
    assert "1 of 2 restore points cannot be copied whole" in said["error"]["what"]
    assert identity in said["error"]["what"]
    assert [ref.id for ref in Repository.open(FolderStore(tmp_path / "there")).points()] == [old.id]


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("here",), 6, "is the repository itself"),
        (("here/inside",), 6, "lies inside"),
        (("ftp://somewhere",), 2, "DESTINATION=ftp://somewhere is no folder"),
        (("s3://B",), 2, "DESTINATION=s3://B is no place on S3"),
        (("there", "ffff"), 3, "No restore point"),
        ((), 2, "Missing argument"),
    ],
)
def test_what_cannot_be_copied_is_a_sentence(
    source: Repository, tmp_path: Path, arguments: tuple[str, ...], code: int, what: str
) -> None:
    """And nothing is made."""
    assert source.points()
    assert what in " ".join(run(tmp_path, "here", "copy", *arguments, code=code).stderr.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]


def test_nothing_to_copy(tmp_path: Path) -> None:
    """Neither a repository nor a point: code 3, and no copy is made of it."""
    run(tmp_path, "here", "copy", "there", code=3)
    Repository.create(FolderStore(tmp_path / "here"))
    run(tmp_path, "here", "copy", "there", code=3)
    assert not (tmp_path / "there").exists()
