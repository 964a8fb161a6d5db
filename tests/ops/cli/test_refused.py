"""What somebody may do to a repository is refused by the commands, with its reason and exit code."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from backports import zstd

from pipelines.ops.model import Proof
from pipelines.ops.repository import FolderStore, PointRef, Repository
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.objects import object_key
from pipelines.ops.repository.points import MAX_MANIFEST
from pipelines.ops.repository.sealed import id_key
from tests.ops.cli.laying_points import BEGAN, lay, run, told
from tests.passphrases import KINDS, OTHER, PHRASE, of_kind

GIGABYTE = 2**30
CONTENTS = {"one": b"one" * 100, "two": b"two" * 200}


class Laid:
    """A repository in a folder, with an old point of one file and a new one of two."""

    def __init__(self, folder: Path, kind: str | None) -> None:
        self.folder, self.place, self.kind = folder, folder / "repository", kind
        self.repository = Repository.create(FolderStore(self.place), passphrase=of_kind(kind))
        self.old = lay(self.repository, {"one": CONTENTS["one"]})
        self.new = lay(self.repository, CONTENTS, minutes=1)

    def given(self, phrase: str | None = None) -> Mapping[str, str]:
        """Return the settings that a command needs to open it, or to try with another passphrase."""
        said = phrase or self.kind
        return {"SYNAPSE_PASSPHRASE": said} if said else {}

    def said(self, *arguments: str, code: int) -> str:
        """Run a command that fails with a code; return what it says in its document and on the terminal."""
        done = run(self.folder, str(self.place), *arguments, "--json", code=code, given=self.given())
        error = json.loads(done.stdout)["error"]
        assert error["hint"]
        assert error["what"][:40] in done.stderr
        return str(error["what"])

    def restored(self, point: PointRef, *, code: int) -> str:
        """Try to restore a point into a folder; nothing of it may be there when it fails."""
        out = self.folder / "out"
        said = self.said("restore", point.id, "--into", str(out), code=code)
        assert not out.exists()
        assert not (self.folder / "outside").exists()
        return said

    def old_is_whole(self) -> None:
        """Look that the point that nobody touched restores."""
        source = self.repository.load(self.old).faiss
        assert source is not None
        self.repository.restore_files(source.files, self.folder / "old")
        assert (self.folder / "old" / "one").read_bytes() == CONTENTS["one"]

    def objects(self, point: PointRef) -> dict[str, Path]:
        """Return where the one object of each file lies."""
        source = self.repository.load(point).faiss
        assert source is not None
        return {entry.path: self.place / object_key(entry.objects[0]) for entry in source.files}

    def forge(self, change: Callable[[dict[str, object]], None]) -> PointRef:
        """Put a changed manifest under its right name, as only who has the key can."""
        store = self.repository.store
        document = json.loads(store.get(self.new.key, limit=MAX_MANIFEST))
        change(document)
        data = json.dumps(document).encode()
        store.delete(self.new.key)
        key = f"{self.new.key.rpartition('-')[0]}-{digest(data, id_key(store))}.json"
        store.put(key, data)
        (found,) = (ref for ref in self.repository.points() if ref.key == key)
        return found


@pytest.fixture(params=KINDS, ids=["plain", "encrypted"])
def laid(request: pytest.FixtureRequest, tmp_path: Path) -> Laid:
    """Lay the repository."""
    return Laid(tmp_path, request.param)


@pytest.fixture
def encrypted(tmp_path: Path) -> Laid:
    """Lay an encrypted one."""
    return Laid(tmp_path, PHRASE)


@pytest.mark.parametrize("command", [("restore", "latest", "--into", "out"), ("prune",)])
@pytest.mark.parametrize(("phrase", "why"), [("", "is encrypted"), (OTHER, "not one of the repository")])
def test_a_wrong_or_missing_passphrase(
    encrypted: Laid, command: tuple[str, ...], phrase: str, why: str
) -> None:
    """Nothing is read or written without the right one."""
    before = {path: path.stat().st_mtime_ns for path in encrypted.place.rglob("*")}
    given = {"SYNAPSE_PASSPHRASE": phrase}
    said = told(encrypted.folder, str(encrypted.place), *command, code=2, given=given)["error"]["what"]
    assert why in said
    assert {path: path.stat().st_mtime_ns for path in encrypted.place.rglob("*")} == before


def test_a_swapped_object(laid: Laid) -> None:
    """Another object of the same repository under its name: restore and verify say so."""
    objects = laid.objects(laid.new)
    shutil.copy(objects["one"], objects["two"])
    why = "does not open" if laid.kind else "has other bytes than its name says"
    said = laid.restored(laid.new, code=4)
    assert why in said
    assert objects["two"].name in said
    assert laid.new.short in laid.said("verify", laid.new.id, "--level", "2", code=4)
    laid.old_is_whole()


def test_an_older_manifest_under_a_newer_name(laid: Laid) -> None:
    """Whoever asks for the newest is refused: the name that it had, or its own with a later time."""
    stored = (laid.place / laid.old.key).read_bytes()
    (laid.place / laid.new.key).write_bytes(stored)
    assert ("does not open" if laid.kind else "other bytes than its name") in laid.restored(laid.new, code=4)
    (laid.place / laid.new.key).unlink()
    later = laid.new.key.rpartition("-")[0] + laid.old.key[laid.old.key.rindex("-") :]
    (laid.place / later).write_bytes(stored)
    why = "does not open" if laid.kind else "not when its name says"
    assert why in laid.said("restore", "latest", "--into", str(laid.folder / "out"), code=4)
    listed = told(laid.folder, str(laid.place), "points", "list", given=laid.given())["points"]
    assert [bool(one["problem"]) for one in listed] == [True, False]
    (laid.place / later).unlink()
    laid.old_is_whole()


@pytest.mark.parametrize("path", ["a/../../outside", "/outside"])
def test_a_path_that_climbs(laid: Laid, path: str) -> None:
    """Though its name is right, a manifest that would write outside the folder is not believed."""

    def climb(document: dict[str, object]) -> None:
        faiss = document["faiss"]
        assert isinstance(faiss, dict)
        faiss["files"][0]["path"] = path

    forged = laid.forge(climb)
    assert repr(path)[1:-1] in laid.restored(forged, code=4)
    laid.old_is_whole()


def test_a_manifest_of_a_gigabyte(laid: Laid) -> None:
    """It is refused by its size, without being read; the others are listed."""
    with (laid.place / laid.new.key).open("wb") as file:
        file.truncate(GIGABYTE)
    assert str(GIGABYTE) in laid.restored(laid.new, code=4)
    laid.old_is_whole()


def test_a_bomb(laid: Laid) -> None:
    """An object of some kilobytes that unpacks to a gigabyte; in an encrypted one, sealed as ours."""
    objects = laid.objects(laid.new)
    compressor = zstd.ZstdCompressor(level=3)
    block = bytes(MAX_CHUNK)
    bomb = b"".join([*(compressor.compress(block) for _ in range(GIGABYTE // MAX_CHUNK)), compressor.flush()])
    assert len(bomb) < MAX_CHUNK
    laid.repository.store.put(object_key(objects["two"].name), b"Z" + bomb, replace=True)
    said = laid.restored(laid.new, code=4)
    assert "cannot be unpacked" in said
    assert objects["two"].name in said
    laid.old_is_whole()


def test_a_repository_that_was_put_back(laid: Laid) -> None:
    """What this machine has seen there is missed aloud, and the alarm of a scheduler ends with code 4."""
    (laid.folder / "data").mkdir()
    check = ("points", "check", "--only", "faiss")
    place, given = str(laid.place), laid.given()
    assert "put back" not in run(laid.folder, place, "points", "list", given=given).stderr
    laid.repository.store.delete(laid.new.key)
    said = run(laid.folder, place, "restore", "latest", "--into", "out", given=given).stderr
    assert f"has seen restore point {laid.new.short}" in said
    assert "put back to before that" in said
    laid.repository.add_proof(
        Proof(point=laid.old.id, level=3, good=True, started=BEGAN, seconds=1, software={})
    )
    told(laid.folder, place, *check, code=4, given=given)
    forgotten = run(laid.folder, place, "forget", laid.old.id, "--force", "--yes", given=given)
    assert laid.new.short in forgotten.stderr
