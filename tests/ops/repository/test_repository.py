"""Files go in and come out of a repository unchanged, are shared, and stay invisible until published."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.ops.errors import DamagedError, NothingError, OpsError, RefusedError, UsageError
from pipelines.ops.model import FileEntry
from pipelines.ops.repository import FolderStore, InMemoryStore, Repository
from pipelines.ops.repository.chunking import FastCdc
from pipelines.ops.repository.config import MAX_CHUNK, ChunkerConfig
from pipelines.ops.repository.objects import object_key

Bytes = Callable[[int], bytes]
MIB = 1024 * 1024


def test_files_come_back_as_they_were(tmp_path: Path, some_bytes: Bytes) -> None:
    """Paths and streams, big, small, empty, compressible: restored bit for bit, for the owner alone."""
    contents = {"big": some_bytes(9 * MIB), "a/b/small": b"x", "a/empty": b"", "zeros": bytes(6 * MIB)}
    (tmp_path / "big").write_bytes(contents["big"])
    sources: dict[str, Path | io.BytesIO] = {name: io.BytesIO(data) for name, data in contents.items()}
    sources["big"] = tmp_path / "big"
    repository = Repository.create(FolderStore(tmp_path / "repository"))
    stored = repository.store_files(sources.items())
    repository.restore_files(stored.files, tmp_path / "out")
    assert [entry.path for entry in stored.files] == list(contents)
    for name, data in contents.items():
        assert (tmp_path / "out" / name).read_bytes() == data
        assert (tmp_path / "out" / name).stat().st_mode & 0o777 == 0o600
    assert stored.figures.bytes_read == sum(map(len, contents.values()))


def test_one_file_is_read_to_a_place(repository: Repository, tmp_path: Path, some_bytes: Bytes) -> None:
    """`read_file` writes one entry where it is told, whatever its path was."""
    data = some_bytes(3 * MIB)
    (entry,) = repository.store_files([("deep/name", io.BytesIO(data))]).files
    done: list[int] = []
    repository.read_file(entry, tmp_path / "here", done.append)
    assert (tmp_path / "here").read_bytes() == data
    assert sum(done) == len(data)


def test_progress_counts_every_byte(repository: Repository, some_bytes: Bytes) -> None:
    """The bytes that progress is told of are those of the files."""
    done: list[int] = []
    repository.store_files([("a", io.BytesIO(some_bytes(5 * MIB))), ("b", io.BytesIO(b"x"))], done.append)
    assert sum(done) == 5 * MIB + 1


def test_equal_bytes_are_stored_once(repository: Repository, some_bytes: Bytes) -> None:
    """A second backup writes nothing; an insertion at the front costs some chunks, not all."""
    data = some_bytes(20 * MIB)
    first = repository.store_files([("a", io.BytesIO(data)), ("copy", io.BytesIO(data))]).figures
    again = repository.store_files([("a", io.BytesIO(data))]).figures
    shifted = repository.store_files([("a", io.BytesIO(b"inserted" + data))]).figures
    assert first.objects_new == first.objects_reused == again.objects_reused
    assert (again.objects_new, again.bytes_new) == (0, 0)
    assert 1 <= shifted.objects_new <= 3


def test_what_zstd_cannot_shrink_is_kept_raw(repository: Repository, some_bytes: Bytes) -> None:
    """Random bytes cost one byte more than they have; zeros cost next to nothing."""
    assert repository.store_files([("r", io.BytesIO(some_bytes(1000)))]).figures.bytes_new == 1001
    assert repository.store_files([("z", io.BytesIO(bytes(MIB)))]).figures.bytes_new < 1000


def test_an_implausible_object_is_written_anew(repository: Repository, tmp_path: Path) -> None:
    """An empty object under a right name is not reused."""
    (entry,) = repository.store_files([("a", io.BytesIO(b"content"))]).files
    repository.store.put(object_key(entry.objects[0]), b"", replace=True)
    assert repository.store_files([("a", io.BytesIO(b"content"))]).figures.objects_new == 1
    repository.read_file(entry, tmp_path / "a")


def test_the_cuts_are_pinned(some_bytes: Bytes) -> None:
    """A new version of the chunker that cuts elsewhere would find nothing again: it must fail here."""
    data = some_bytes(8 * MIB)
    chunks = list(FastCdc(ChunkerConfig()).cut(io.BytesIO(data)))
    assert b"".join(chunks) == data
    assert [len(chunk) for chunk in chunks] == [848218, 2257769, 1182347, 1903461, 1082757, 1114056]
    assert max(map(len, FastCdc(ChunkerConfig()).cut(io.BytesIO(bytes(9 * MIB))))) == MAX_CHUNK


def test_a_stream_is_read_to_its_end(repository: Repository, some_bytes: Bytes) -> None:
    """Short reads do not end a file, and do not move its cuts."""

    class Trickle(io.BytesIO):
        def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower on purpose
            return super().readinto(memoryview(buffer)[:70_001])

    data = some_bytes(6 * MIB)
    (slow, fast) = repository.store_files([("s", Trickle(data)), ("f", io.BytesIO(data))]).files
    assert (slow.size, slow.objects) == (fast.size, fast.objects)


@pytest.mark.parametrize("path", ["", "/abs", "../up", "a/../b", "a//b", "./a", "a\0", "\udc80", "x" * 5000])
def test_bad_paths_are_not_stored(repository: Repository, path: str) -> None:
    """A path that a restore would refuse is refused when it is stored."""
    with pytest.raises(UsageError):
        repository.store_files([(path, io.BytesIO(b""))])


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_clashing_paths_are_not_stored(repository: Repository, paths: tuple[str, str]) -> None:
    """No file is there twice, or is the folder of another."""
    with pytest.raises(UsageError, match="a"):
        repository.store_files([(path, io.BytesIO(b"")) for path in paths])


def test_an_unreadable_source_is_named(repository: Repository, tmp_path: Path) -> None:
    """A file that is not there ends the work with its name."""
    with pytest.raises(OpsError, match="gone") as caught:
        repository.store_files([("good", io.BytesIO(b"x")), ("gone", tmp_path / "gone")])
    assert caught.value.hint


def test_restore_never_overwrites(repository: Repository, tmp_path: Path) -> None:
    """A file or link that is in the way is left alone, and the error names it."""
    (entry,) = repository.store_files([("name", io.BytesIO(b"new"))]).files
    (tmp_path / "outside").write_text("old")
    for target in (tmp_path / "file", tmp_path / "link"):
        target.mkdir()
    (tmp_path / "file" / "name").write_text("old")
    (tmp_path / "link" / "name").symlink_to(tmp_path / "outside")
    for target in (tmp_path / "file", tmp_path / "link"):
        with pytest.raises(RefusedError, match="name"):
            repository.restore_files([entry], target)
        assert (target / "name").read_text() == "old"


def test_restore_follows_no_folder_link(repository: Repository, tmp_path: Path) -> None:
    """A folder that is a link to elsewhere receives nothing."""
    (entry,) = repository.store_files([("sub/name", io.BytesIO(b"new"))]).files
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OpsError):
        repository.restore_files([entry], tmp_path / "out")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_wrong_sum_leaves_no_file(repository: Repository, tmp_path: Path) -> None:
    """A file that is not what its entry says is not left behind, not even half."""
    (entry,) = repository.store_files([("name", io.BytesIO(b"content"))]).files
    for wrong in ({"sha256": "0" * 64}, {"size": 3}, {"size": 8}):
        with pytest.raises(DamagedError, match="name"):
            repository.restore_files([entry.model_copy(update=wrong)], tmp_path / "out")
        assert not any((tmp_path / "out").iterdir())


def test_a_climbing_entry_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Even an entry that came past the manifest's check cannot leave the folder."""
    entry = FileEntry(path="../up", size=0, sha256="0" * 64, objects=())
    with pytest.raises(RefusedError):
        repository.restore_files([entry], tmp_path / "out")


def test_open_create_and_both() -> None:
    """Opening needs a repository, creating needs none, and `open_or_create` keeps the identity."""
    store = InMemoryStore()
    with pytest.raises(NothingError, match="memory"):
        Repository.open(store)
    made = Repository.open_or_create(store)
    assert Repository.open_or_create(store) == Repository.open(store) == made
    with pytest.raises(RefusedError):
        Repository.create(store)


def test_many_creators_agree(tmp_path: Path) -> None:
    """Of several first backups at once, all work in one repository."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Repository.open_or_create(FolderStore(tmp_path / "r")), range(8)))
    assert len({one.config.id for one in made}) == 1


def test_a_newer_format_is_refused() -> None:
    """A repository of a later Synapse is not touched, and the sentence says what to do."""
    store = InMemoryStore()
    store.put("config", b'{"format": 3, "shape": "unknown"}')
    with pytest.raises(RefusedError, match="format 3") as caught:
        Repository.open_or_create(store)
    assert "newer Synapse" in caught.value.hint


def test_a_lost_config_is_not_replaced(repository: Repository, publish: Callable[..., object]) -> None:
    """A store with points but no config is not an empty one."""
    publish({"a": b"x"})
    repository.store.delete("config")
    with pytest.raises(DamagedError, match="no config"):
        Repository.open_or_create(repository.store)


def test_two_backups_at_once(tmp_path: Path, some_bytes: Bytes) -> None:
    """Backups that share most of their bytes and run together are both whole."""
    shared = some_bytes(6 * MIB)
    repository = Repository.create(FolderStore(tmp_path / "r"))

    def backup(number: int) -> tuple[FileEntry, ...]:
        return repository.store_files([("f", io.BytesIO(shared + bytes([number])))]).files

    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(backup, range(4)))
    for number, files in enumerate(entries):
        repository.read_file(files[0], tmp_path / str(number))
        assert (tmp_path / str(number)).read_bytes() == shared + bytes([number])


MEMORY_CHILD = """
import random, resource, sys
from pathlib import Path
from pipelines.ops.repository import FolderStore, Repository

class Long:
    left = int(sys.argv[2])
    source = random.Random(1)
    def readinto(self, buffer):
        size = min(len(buffer), self.left)
        buffer[:size] = self.source.randbytes(size)
        self.left -= size
        return size

repository = Repository.create(FolderStore(Path(sys.argv[1])))
repository.store_files([("warm", Path(sys.executable))])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
repository.store_files([("long", Long())])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A 400 MB stream takes less than a quarter of its size in memory."""
    argv = [sys.executable, "-c", MEMORY_CHILD, str(tmp_path / "r"), str(400 * MIB)]
    done = subprocess.run(argv, capture_output=True, check=True, text=True)
    assert int(done.stdout) < 100


def test_a_failing_reader_ends_the_work(repository: Repository) -> None:
    """An error of the caller's own stream comes out as it is when it is no system error."""

    def files() -> Iterator[tuple[str, io.BytesIO]]:
        yield "a", io.BytesIO(b"x")
        raise DamagedError("The source moved.", "Again.")

    with pytest.raises(DamagedError, match="moved"):
        repository.store_files(files())
