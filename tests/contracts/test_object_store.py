"""What every object store must do, whatever it keeps its values in."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from uuid import uuid4

import pytest

from pipelines.ops.errors import OpsError
from pipelines.ops.repository.folder import STALE_SECONDS, FolderStore
from pipelines.ops.repository.in_memory import InMemoryStore
from pipelines.ops.repository.place import store_at
from pipelines.ops.repository.sealed import Keys, SealedStore
from pipelines.ops.repository.store import (
    AbsentError,
    KeyRefusedError,
    KeyTakenError,
    ObjectStore,
    Stored,
    StoreFullError,
    TooLargeError,
    UnreadableError,
)
from pipelines.ops.settings import load
from tests.disks import small_disk
from tests.s3.versitygw import S3Server, s3_server

BAD_KEYS = [
    "",
    "/etc/passwd",
    "../outside",
    "points/../../outside",
    "points//x",
    "points/",
    ".hidden",
    "points/.",
    "a\0b",
    "a\nb",
    "a\\b",
    "ключ",
    "tmp/x",
    "x" * 201,
    "/".join(["x" * 100] * 6),
]
ROOM = 1024 * 1024


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for all tests; each has a prefix of its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=[f"{kind}{how}" for kind in ("folder", "memory", "s3") for how in ("", " sealed")])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """One of the implementations, empty, as it is or below a store that seals."""
    kind, _, sealed = request.param.partition(" ")
    below: ObjectStore = FolderStore(tmp_path / "repository") if kind == "folder" else InMemoryStore()
    if kind == "s3":
        server: S3Server = request.getfixturevalue("s3")
        below = store_at(load(server.environ(f"team/{uuid4().hex}"), None).repository)
    return SealedStore(below, Keys.of(bytes(32))) if sealed else below


@pytest.fixture(params=["folder", "memory", "s3"])
def small_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """Give a store with room for one megabyte."""
    if request.param == "memory":
        yield InMemoryStore(room=ROOM)
        return
    with small_disk(tmp_path / "small", f"size={ROOM}"):
        if request.param == "folder":
            yield FolderStore(tmp_path / "small")
            return
        with s3_server(tmp_path / "s3", folder=tmp_path / "small") as server:
            yield store_at(load(server.environ(), None).repository)


@pytest.mark.parametrize("size", [0, 1, 4097, 9 * 1024 * 1024])
def test_a_value_comes_back_as_it_was_put(store: ObjectStore, size: int) -> None:
    """Empty, small and big values are the same afterwards, and their size is known."""
    value = os.urandom(size)
    store.put("objects/ab/abcd", value)
    store.settle(["objects/ab/abcd"])
    assert store.get("objects/ab/abcd", limit=size) == value
    assert store.size("objects/ab/abcd") == size


def test_nothing_is_there_before(store: ObjectStore) -> None:
    """An empty store has no values, lists nothing, and says so by its own error."""
    assert store.size("config") is None
    assert list(store.list()) == list(store.list("points/")) == []
    with pytest.raises(AbsentError, match="config"):
        store.get("config", limit=10)


def test_a_taken_key_keeps_its_value(store: ObjectStore) -> None:
    """Create-only is a conflict on a present key, and changes nothing."""
    store.put("config", b"first")
    with pytest.raises(KeyTakenError):
        store.put("config", b"second")
    assert store.get("config", limit=10) == b"first"


def test_replace_is_asked_for(store: ObjectStore) -> None:
    """With `replace` the new value is there, whether or not one was before."""
    store.put("config", b"first", replace=True)
    store.put("config", b"second", replace=True)
    assert store.get("config", limit=10) == b"second"


def test_a_value_over_the_limit_is_not_read(store: ObjectStore) -> None:
    """A reader says how much it can bear."""
    store.put("config", b"12345")
    assert store.get("config", limit=5) == b"12345"
    with pytest.raises(TooLargeError, match="config"):
        store.get("config", limit=4)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused_everywhere(store: ObjectStore, key: str) -> None:
    """A key that climbs, is absolute, too long or unusual reaches no method."""
    calls: list[Callable[[], object]] = [
        lambda: store.put(key, b""),
        lambda: store.get(key, limit=1),
        lambda: store.size(key),
        lambda: store.delete(key),
        lambda: store.settle([key]),
        lambda: list(store.list(key + "/")),
    ]
    for call in calls:
        with pytest.raises(KeyRefusedError):
            call()


def test_a_prefix_is_a_folder(store: ObjectStore) -> None:
    """Half a name is not a prefix: stores would differ in what it means."""
    with pytest.raises(KeyRefusedError):
        list(store.list("point"))


def test_listing_is_in_the_order_of_keys(store: ObjectStore) -> None:
    """Everything below a folder is listed once, with sizes, sorted as plain text."""
    keys = ["points/b.json", "points/a/c", "points/a.json", "points/a/b/d", "pointsman", "config"]
    for size, key in enumerate(keys):
        store.put(key, b"x" * size)
    below = sorted(key for key in keys if key.startswith("points/"))
    assert [one.key for one in store.list("points/")] == below
    assert list(store.list()) == [Stored(key, keys.index(key)) for key in sorted(keys)]
    assert list(store.list("points/a/b/")) == [Stored("points/a/b/d", 3)]


def test_delete_is_idempotent(store: ObjectStore) -> None:
    """A deleted value is gone; deleting it again, or what never was, is no error."""
    store.put("points/a", b"1")
    store.delete("points/a")
    store.delete("points/a")
    store.delete("never/was")
    assert store.size("points/a") is None


def test_one_of_many_creators_wins(store: ObjectStore) -> None:
    """Of twenty writers that create one key, one succeeds, and its value is what is there."""
    values = [bytes([number]) * 100_000 for number in range(20)]

    def create(value: bytes) -> bool:
        try:
            store.put("config", value)
        except KeyTakenError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(create, values))
    assert won.count(True) == 1
    assert store.get("config", limit=ROOM) == values[won.index(True)]


def test_readers_see_whole_values_only(store: ObjectStore) -> None:
    """While writers replace a value, every read gives one of the values, whole."""
    values = [bytes([number]) * (50_000 + number) for number in range(8)]
    store.put("config", values[0])
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(store.put, "config", value, replace=True) for value in values * 5]
        reads = [pool.submit(store.get, "config", limit=ROOM) for _ in range(100)]
        for write in writes:
            write.result()
        assert {read.result() for read in reads} <= set(values)


def test_looking_whether_it_can_be_written_leaves_nothing(store: ObjectStore) -> None:
    """Nothing is stored, and nothing that is there is touched."""
    store.put("config", b"1")
    store.check_writable()
    assert [one.key for one in store.list()] == ["config"]


def test_a_full_store_shows_nothing_of_the_value(small_store: ObjectStore) -> None:
    """No space is an error with a remedy; what was there stays, and room that is made can be used."""
    small_store.put("objects/aa/first", b"x" * (ROOM // 2))
    with pytest.raises(StoreFullError) as caught:
        small_store.put("objects/bb/second", b"y" * ROOM)
    assert caught.value.hint
    assert [one.key for one in small_store.list()] == ["objects/aa/first"]
    small_store.delete("objects/aa/first")
    small_store.put("objects/bb/second", b"y" * (ROOM // 2))


def test_a_read_only_folder_is_a_sentence(tmp_path: Path) -> None:
    """Where we may not write, the error names the folder and what to do."""
    fixed = tmp_path / "fixed"
    fixed.mkdir(mode=0o500)
    # Root may write everywhere but on a file system that is read-only.
    with small_disk(fixed, "ro") if os.geteuid() == 0 else nullcontext(), pytest.raises(OpsError) as caught:
        FolderStore(fixed).put("config", b"")
    assert str(tmp_path / "fixed") in caught.value.what
    assert "name another folder" in caught.value.hint


def test_a_file_in_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    """A repository that is a file is not taken for an empty one."""
    (tmp_path / "file").write_text("not a folder")
    store = FolderStore(tmp_path / "file")
    for call in (lambda: store.put("config", b""), lambda: store.get("config", limit=1)):
        with pytest.raises(OpsError, match="file"):
            call()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link in the repository leads nowhere: not to read, not to write, not to list."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    root = tmp_path / "repository"
    root.mkdir()
    (root / "points").symlink_to(outside)
    (root / "config").symlink_to(outside / "secret")
    store = FolderStore(root)
    with pytest.raises(UnreadableError):
        store.get("config", limit=100)
    with pytest.raises(UnreadableError):
        store.get("points/secret", limit=100)
    with pytest.raises(OpsError):
        store.put("points/new", b"")
    assert store.size("config") is None
    assert list(store.list()) == []
    store.put("config", b"ours", replace=True)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Files have 0600, folders 0700."""
    FolderStore(tmp_path / "repository").put("objects/ab/abcd", b"x")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "repository").rglob("*")}
    assert modes == {"objects": 0o700, "ab": 0o700, "abcd": 0o600, "tmp": 0o700}
    assert (tmp_path / "repository").stat().st_mode & 0o777 == 0o700


def test_what_root_writes_belongs_to_the_folder_s_owner(tmp_path: Path) -> None:
    """A backup that root took can be read by the container whose folder it is."""
    if os.geteuid() != 0:
        pytest.skip("only root can write for another")
    os.chown(tmp_path, 1000, 1000)
    FolderStore(tmp_path).put("objects/ab/abcd", b"1")
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {1000}


def test_only_old_temporary_files_are_swept(tmp_path: Path) -> None:
    """What a dead writer left goes after a day; what a living one is writing stays; neither is listed."""
    beside = tmp_path / "tmp"
    beside.mkdir()
    (beside / "dead").write_bytes(b"half")
    os.utime(beside / "dead", (1_000_000, 1_000_000))
    (beside / "living").write_bytes(b"half")
    os.utime(beside / "living", (1_000_000 + 60, 1_000_000 + 60))
    store = FolderStore(tmp_path, now=lambda: 1_000_000 + STALE_SECONDS + 30)
    store.put("config", b"")
    assert [path.name for path in beside.iterdir()] == ["living"]
    assert [one.key for one in store.list()] == ["config"]


def test_a_value_has_the_time_of_its_last_put(store: ObjectStore) -> None:
    """By the store's own clock, to a second: never after it can be seen, and anew when it is put again."""
    before = store.clock()
    store.put("objects/aa/one", b"1")
    after = store.clock()
    written = store.written("objects/aa/one")
    assert written is not None
    assert before - 1 <= written <= after + 1
    assert [one.written for one in store.list("objects/")] == [written]
    store.put("objects/aa/one", b"1", replace=True)
    again = store.written("objects/aa/one")
    assert again is not None
    assert again >= written
    assert store.written("objects/aa/two") is None


def test_asking_the_time_leaves_nothing(store: ObjectStore) -> None:
    """Nothing is stored by it, and it does not go back."""
    store.put("config", b"1")
    times = [store.clock() for _ in range(3)]
    assert times == sorted(times)
    assert [one.key for one in store.list()] == ["config"]


def test_a_deleted_value_leaves_its_space(store: ObjectStore) -> None:
    """Where no older versions are kept; a bucket that keeps them is told of in `test_prune_s3`."""
    store.put("objects/aa/one", b"1")
    assert store.delete("objects/aa/one") is True
    assert store.delete("objects/aa/one") is True
