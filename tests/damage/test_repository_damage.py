"""Whatever happens to a repository's files, it is noticed, named, and never restored as if it were good."""

import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from backports import zstd

from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import FaissSource, FileEntry, Proof, RestorePoint
from pipelines.ops.repository import FolderStore, InMemoryStore, Passphrase, PointRef, Repository, Standing
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.objects import LEVEL, identify, object_key
from pipelines.ops.repository.points import MAX_MANIFEST
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.sealing import OVERHEAD
from tests.passphrases import KINDS, of_kind

SEED = 20260708
NOON = datetime(2026, 7, 8, 12, 0, tzinfo=UTC)
RAW = random.Random(SEED).randbytes(700)
TEXT = b"".join(b"line %d of a text that zstd can shrink\n" % (number * number) for number in range(80))
LIMIT = 2**30


class Laid:
    """A repository with two points: `old` of one file, `new` of a raw, a compressed and a shared file."""

    def __init__(self, passphrase: Passphrase | None) -> None:
        self.store = InMemoryStore()
        self.passphrase = passphrase
        self.repository = Repository.create(self.store, passphrase=passphrase)
        self.old = self._publish({"shared": b"shared content"}, 1)
        self.contents = {"raw": RAW, "text": TEXT, "shared": b"shared content"}
        self.new = self._publish(self.contents, 2)
        self.point = self.repository.load(self.new)
        assert self.point.faiss is not None
        self.files = {entry.path: entry for entry in self.point.faiss.files}

    def _publish(self, contents: dict[str, bytes], minutes: int) -> PointRef:
        files = self.repository.store_files((name, io.BytesIO(data)) for name, data in contents.items()).files
        time = NOON + timedelta(minutes=minutes)
        faiss = FaissSource(way="folder", files=files)
        return self.repository.publish(
            RestorePoint(host="h", software={}, started=time, finished=time, faiss=faiss)
        )

    def key(self, path: str) -> str:
        """Return the key of the one object of a file."""
        return object_key(self.files[path].objects[0])

    def flip(self, key: str, position: int, mask: int) -> bytes:
        """Change one byte of a value, and return the value as it was."""
        before = self.store.values[key]
        changed = bytearray(before)
        changed[position] ^= mask
        self.store.values[key] = bytes(changed)
        return before

    def restored(self, path: str, target: Path) -> bytes:
        """Restore one file and return its bytes."""
        target.unlink(missing_ok=True)
        self.repository.read_file(self.files[path], target)
        return target.read_bytes()


@pytest.fixture(params=KINDS, ids=["plain", "encrypted"])
def laid(request: pytest.FixtureRequest) -> Laid:
    """Lay the repository anew, plain or encrypted."""
    return Laid(of_kind(request.param))


def flips(size: int, count: int = 400) -> list[tuple[int, int]]:
    """Return positions and masks: every byte when there are few, else a seeded sample with both ends."""
    chance = random.Random(SEED + size)
    positions = range(size) if size <= count else {0, 1, size - 1, *chance.sample(range(size), count)}
    return [(position, chance.randrange(1, 256)) for position in sorted(positions)]


@pytest.mark.parametrize("path", ["raw", "text"])
def test_a_flipped_byte_in_an_object(laid: Laid, path: str, tmp_path: Path) -> None:
    """The check names object and file, and the restore refuses; a bit without meaning gives the same file."""
    key, identity = laid.key(path), laid.files[path].objects[0]
    harmless = []
    for position, mask in flips(len(laid.store.values[key])):
        before = laid.flip(key, position, mask)
        problems = laid.repository.check_bytes(laid.point)
        if problems:
            assert len(problems) == 1
            assert identity in problems[0]
            assert f"faiss: {path}" in problems[0]
            with pytest.raises(DamagedError, match=identity):
                laid.restored(path, tmp_path / "out")
            assert not (tmp_path / "out").exists()
        else:
            harmless.append(position)
            assert laid.restored(path, tmp_path / "out") == laid.contents[path]
        laid.store.values[key] = before
    # A zstd frame has bits that decoders ignore, and two ways to say some things; raw objects have none.
    assert len(harmless) <= (4 if path == "text" else 0)


def test_a_flipped_byte_in_a_manifest(laid: Laid) -> None:
    """It is listed as damaged, cannot be loaded, is not `latest`, and the other point is as before."""
    for position, mask in flips(len(laid.store.values[laid.new.key])):
        before = laid.flip(laid.new.key, position, mask)
        damaged, whole = laid.repository.points()
        assert damaged.problem
        assert whole == laid.old
        for load in (lambda: laid.repository.load(laid.new), lambda: laid.repository.resolve("latest")):
            with pytest.raises(DamagedError):
                load()
        laid.store.values[laid.new.key] = before


def test_a_flipped_byte_in_a_proof(laid: Laid) -> None:
    """It proves nothing any more, and says so."""
    laid.repository.add_proof(
        Proof(point=laid.new.id, level=3, good=True, started=NOON, seconds=1, software={})
    )
    assert laid.repository.standing(laid.new.id) == Standing.PROVEN
    (key,) = (key for key in laid.store.values if key.startswith("proofs/"))
    for position, mask in flips(len(laid.store.values[key])):
        before = laid.flip(key, position, mask)
        assert laid.repository.standing(laid.new.id) == Standing.UNPROVEN
        assert laid.repository.proof_problems(laid.new.id)
        laid.store.values[key] = before


def test_a_flipped_byte_in_the_config(laid: Laid) -> None:
    """It is a sentence, or it changes how later files are cut: what is there is read the same."""
    for position, mask in flips(len(laid.store.values["config"])):
        before = laid.flip("config", position, mask)
        try:
            repository = Repository.open(laid.store, laid.passphrase)
        except (DamagedError, RefusedError):
            pass
        else:
            assert repository.check_bytes(repository.load(laid.new)) == []
        laid.store.values["config"] = before


def cut_to(size: int) -> Callable[[Laid, str], None]:
    """Give a damage that keeps only the first bytes of an object."""

    def damage(laid: Laid, key: str) -> None:
        laid.store.values[key] = laid.store.values[key][:size]

    return damage


def remove(laid: Laid, key: str) -> None:
    """Lose an object."""
    del laid.store.values[key]


def swap(laid: Laid, key: str) -> None:
    """Put another object under its name."""
    laid.store.values[key] = laid.store.values[laid.key("shared")]


def swell(laid: Laid, key: str) -> None:
    """Put more bytes there than any object has."""
    seal = OVERHEAD if laid.passphrase else 0
    laid.store.values[key] = b"R" + bytes(MAX_CHUNK + 1 + seal)


def repack(laid: Laid, key: str) -> None:
    """Put the same bytes in a packing that no backup writes."""
    plain = zstd.compress(TEXT, LEVEL)
    laid.store.values[key] = b"Z" + plain[:40] + zstd.compress(b"trailing", LEVEL)


@pytest.mark.parametrize("damage", [remove, cut_to(0), cut_to(1), cut_to(60), swap, swell, repack])
@pytest.mark.parametrize("path", ["raw", "text"])
def test_a_damaged_object(laid: Laid, path: str, damage: Callable[[Laid, str], None], tmp_path: Path) -> None:
    """Gone, empty, short, swapped, swollen: named with its file, not restored, and no harm to the rest."""
    damage(laid, laid.key(path))
    (problem,) = laid.repository.check_bytes(laid.point)
    assert laid.files[path].objects[0] in problem
    assert f"faiss: {path}" in problem
    with pytest.raises(DamagedError, match=path):
        laid.restored(path, tmp_path / "out")
    assert laid.restored("shared", tmp_path / "out") == b"shared content"
    assert laid.repository.check_bytes(laid.repository.load(laid.old)) == []


def test_level_one_sees_what_is_missing_or_impossible(laid: Laid) -> None:
    """Without reading objects: gone, empty and swollen ones, each with its files, all in one answer."""
    remove(laid, laid.key("raw"))
    swell(laid, laid.key("text"))
    laid.store.values[laid.key("shared")] = b""
    problems = laid.repository.check_present(laid.point)
    assert [("raw" in one, "text" in one, "shared" in one) for one in problems] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert len(laid.repository.check_bytes(laid.point)) == 3


def test_the_next_backup_mends_a_deleted_object(laid: Laid) -> None:
    """As the format page says: delete it, back up again, and every point that shares it is whole."""
    remove(laid, laid.key("raw"))
    laid.repository.store_files([("raw", io.BytesIO(RAW))])
    assert laid.repository.check_bytes(laid.point) == []


def test_objects_in_another_order_are_a_wrong_file(laid: Laid) -> None:
    """Each object is right, but the file is not: its SHA-256 tells, in check and restore."""
    both = [laid.files["raw"].objects[0], laid.files["text"].objects[0]]
    (right,) = laid.repository.store_files([("both", io.BytesIO(RAW))]).files
    wrong = right.model_copy(update={"objects": tuple(reversed(both)), "size": len(RAW) + len(TEXT)})
    point = laid.point.model_copy(update={"faiss": FaissSource(way="folder", files=(wrong,))})
    (problem,) = laid.repository.check_bytes(point)
    assert "faiss: both" in problem


def test_an_older_manifest_under_a_newer_name(laid: Laid) -> None:
    """Neither its old bytes under the new name, nor its own id with another time, is taken."""
    old = laid.store.values[laid.old.key]
    laid.store.values[laid.new.key] = old
    laid.store.values[laid.old.key.replace("20260708", "20300101")] = old
    assert [ref.problem is None for ref in laid.repository.points()] == [False, False, True]
    with pytest.raises(DamagedError):
        laid.repository.resolve("latest")


def forged(laid: Laid, **changes: object) -> PointRef:
    """Publish past all checks a manifest with a changed file entry, under its right name, as the newest."""
    store = laid.repository.store
    document = json.loads(store.get(laid.new.key, limit=LIMIT))
    document["started"] = "2026-07-09T00:00:00Z"
    document["faiss"]["files"][0].update(changes)
    data = json.dumps(document).encode()
    store.put(f"points/20260709T000000.000000Z-{digest(data, id_key(store))}.json", data)
    return laid.repository.points()[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../outside"},
        {"path": "/etc/cron.d/x"},
        {"path": "a/../../b"},
        {"path": "nul\0"},
        {"path": "text"},
        {"path": "text/below"},
        {"path": ""},
        {"objects": ["../../../etc/passwd"]},
        {"objects": ["config"]},
        {"sha256": "x"},
        {"size": -1},
        {"size": 2**60},
        {"size": 1e300},
        {"unknown": 1},
    ],
)
def test_a_forged_manifest(laid: Laid, changes: dict[str, object]) -> None:
    """Though its hash is right, what it says is not believed; nothing can be restored from it."""
    ref = forged(laid, **changes)
    assert ref.problem
    with pytest.raises(DamagedError):
        laid.repository.load(ref)
    assert laid.repository.load(laid.repository.resolve(laid.new.id)) == laid.point


def test_a_forgery_that_breaks_no_rule_is_read(laid: Laid) -> None:
    """The forging above is what the tests catch, not its way of writing."""
    assert forged(laid, path="harmless").problem is None


def test_a_manifest_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """A manifest larger than any is refused by its size."""
    Repository.create(FolderStore(tmp_path))
    name = tmp_path / "points" / f"20260708T120000.000000Z-{'ab' * 32}.json"
    name.parent.mkdir()
    with name.open("wb") as file:
        file.truncate(LIMIT)
    (ref,) = Repository.open(FolderStore(tmp_path)).points()
    assert str(MAX_MANIFEST) in (ref.problem or "")


def bombs() -> list[bytes]:
    """Return small objects that would unpack to much, or ask for much memory to be unpacked."""
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    return [
        b"Z" + zstd.compress(bytes(256 * 2**20), LEVEL),
        b"Z" + zstd.compress(bytes(MAX_CHUNK + 1), LEVEL),
        b"Z" + wide.compress(bytes(100)) + wide.flush(),
        b"Z" + zstd.compress(bytes(100), LEVEL) * 1000,
    ]


@pytest.mark.parametrize("bomb", bombs(), ids=["huge", "just over", "wide window", "many frames"])
def test_a_bomb_does_not_go_off(bomb: bytes, tmp_path: Path) -> None:
    """An object that unpacks to more than a chunk is damaged, even under a name that was made for it."""
    repository = Repository.create(InMemoryStore())
    plain = bytes(100) if len(bomb) > 10_000 else zstd.decompress(bomb[1:])
    repository.store.put(object_key(identify(plain)), bomb)
    entry = FileEntry(path="file", size=1, sha256="0" * 64, objects=(identify(plain),))
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        repository.restore_files([entry], tmp_path / "out")


def test_a_store_that_is_shut_is_not_damage(tmp_path: Path) -> None:
    """A folder that is gone is told as that, not as lost objects."""
    with pytest.raises(OpsError, match=str(tmp_path / "gone")):
        Repository.open(FolderStore(tmp_path / "gone"))
