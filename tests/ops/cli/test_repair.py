"""`synapse repair` on real folders and a real S3 server: what it says and does, and its exit codes."""

import shutil
from pathlib import Path

import pytest

from pipelines.ops.repository import FolderStore, PointRef, Repository
from tests.ops.cli.laying_points import lay, run, told
from tests.s3.versitygw import s3_server

SHARED = b"in both points" * 9


class Laid:
    """A folder with two points, and an object of each and one of both."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = Repository.create(FolderStore(root / "here"))
        self.old = lay(self.repository, {"own": b"old" * 50, "shared": SHARED})
        self.new = lay(self.repository, {"own": b"new" * 50, "shared": SHARED}, minutes=5)

    def object(self, ref: PointRef, name: str) -> Path:
        """Return the file of an object."""
        source = self.repository.load(ref).faiss
        assert source
        (identity,) = next(entry.objects for entry in source.files if entry.path == name)
        return self.root / "here" / "objects" / identity[:2] / identity

    def flip(self, ref: PointRef, name: str) -> Path:
        """Change its last byte."""
        path = self.object(ref, name)
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        return path


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Lay the folder."""
    return Laid(tmp_path)


def test_what_is_lost_is_said_and_the_rest_is_kept(laid: Laid, tmp_path: Path) -> None:
    """A dry run changes nothing; nobody is asked without --yes; then a backup lays it anew."""
    rotten = laid.flip(laid.old, "own")
    dry = told(tmp_path, "here", "repair", "--dry-run", code=4)
    assert (dry["done"], dry["objects"], [one["id"] for one in dry["lost"]]) == (False, 3, [rotten.name])
    assert [(one["id"], one["files"]) for one in dry["broken"]] == [(laid.old.id, ["faiss: own"])]
    assert f"{laid.old.short} has lost faiss: own" in dry["error"]["what"]
    assert "Nobody is there to agree" in run(tmp_path, "here", "repair", code=2).stderr
    assert rotten.exists()
    said = run(tmp_path, "here", "repair", "--yes", code=4)
    assert f"broken    {laid.old.short}" in said.stdout
    assert "1 objects deleted" in said.stdout
    assert not rotten.exists()
    assert laid.repository.standing(laid.old.id).value == "damaged"
    lay(laid.repository, {"own": b"old" * 50}, minutes=9)
    assert told(tmp_path, "here", "repair")["lost"] == []


def test_a_copy_on_s3_gives_it_back(laid: Laid, tmp_path: Path) -> None:
    """Objects and a manifest; nothing is asked, for nothing is removed."""
    with s3_server(tmp_path / "s3") as server:
        there = server.environ("copy")
        url = there.pop("SYNAPSE_REPOSITORY")
        told(tmp_path, "here", "copy", url, given=there)
        laid.flip(laid.old, "own")
        laid.object(laid.new, "shared").unlink()
        (tmp_path / "here" / laid.new.key).write_bytes(b"{}")
        done = told(tmp_path, "here", "repair", "--from", url, given=there)
    assert (done["done"], done["broken"], sorted(done["mended"])) == (
        True,
        [],
        sorted([laid.old.id, laid.new.id]),
    )
    assert [one["taken"] for one in [*done["lost"], *done["manifests"]]] == [True, True, True]
    for ref in laid.repository.points():
        assert laid.repository.check_bytes(laid.repository.load(ref)) == []
    assert len(laid.repository.points()) == 2


def test_broken_points_are_given_up_and_quick_reads_none(laid: Laid, tmp_path: Path) -> None:
    """--quick sees what is gone, and not what is rotten; code 0 when nothing broken is left."""
    laid.object(laid.old, "own").unlink()
    rotten = laid.flip(laid.new, "shared")
    quick = told(tmp_path, "here", "repair", "--quick", "--forget-broken", "--yes")
    assert [one["forgotten"] for one in quick["broken"]] == [True]
    assert [ref.id for ref in laid.repository.points()] == [laid.new.id]
    assert rotten.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("--from", "here"), 6, "is the repository itself"),
        (("--from", "nowhere"), 3, "There is no repository"),
        (("--from", "other"), 6, "calls its objects otherwise"),
    ],
)
def test_what_cannot_be_a_copy_is_a_sentence(
    laid: Laid, tmp_path: Path, arguments: tuple[str, ...], code: int, what: str
) -> None:
    """And nothing is changed."""
    if "other" in arguments:
        run(tmp_path, "other", "init", "--encrypt", given={"SYNAPSE_PASSPHRASE": "a phrase of the other"})
    shutil.copytree(tmp_path / "here", tmp_path / "before")
    secret = {"SYNAPSE_COPY_PASSPHRASE": "a phrase of the other"} if "other" in arguments else None
    assert what in run(tmp_path, "here", "repair", *arguments, code=code, given=secret).stderr
    assert laid.repository.points() == Repository.open(FolderStore(tmp_path / "before")).points()
