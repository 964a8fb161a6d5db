"""What was not written to since the last backup of a folder is not read; whatever was, is."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from pipelines.ops.backup import BackupReport, take_backup
from pipelines.ops.capture.documents import CapturedFaiss
from pipelines.ops.capture.faiss_folder import Known, capture_faiss_folder
from pipelines.ops.context import Context
from pipelines.ops.known_files import KnownFiles
from pipelines.ops.model import FileStamp
from pipelines.ops.repository.objects import object_key
from tests.installation import work_on

LATER_NS = 10_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay two indexes."""
    folder = tmp_path / "foreign"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.index", "deep/b.faiss")):
        write(folder / name, number)
    return folder


def write(path: Path, seed: int) -> None:
    """Write an index of random vectors; all have the same size."""
    index = faiss.index_factory(8, "Flat")
    index.add(np.random.default_rng(seed).standard_normal((500, 8)).astype(np.float32))
    faiss.write_index(index, str(path))


def later() -> int:
    """Return a time so long after all that is written here that the times of files tell."""
    return time.time_ns() + LATER_NS


def save(
    work: Context, folder: Path, *, clock_ns: Callable[[], int] = later, host: str = ""
) -> tuple[BackupReport, list[str]]:
    """Back the folder up; return also which files were read."""
    read: list[str] = []

    def capture(spool: Path) -> CapturedFaiss:
        find = KnownFiles(work.repository, host or work.host).find
        captured = capture_faiss_folder(folder, spool, find=find, clock_ns=clock_ns)
        read.extend(name for name, _ in captured.files)
        return captured

    return take_backup(work, redis=None, faiss=capture), read


def restored(work: Context, report: BackupReport, into: Path) -> dict[str, bytes]:
    """Return the files of a point as they come back."""
    repository = work.repository
    assert repository.check_bytes(report.point) == []
    assert report.point.faiss
    repository.restore_files(report.point.faiss.files, into)
    return contents(into)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_unchanged_folder_is_not_read(tmp_path: Path, folder: Path) -> None:
    """The second point has the same files and facts, is proven, and comes back."""
    work = work_on(tmp_path)
    first, all_read = save(work, folder)
    second, none_read = save(work, folder)
    third, still_none = save(work, folder)
    assert (all_read, none_read, still_none) == (["a.index", "deep/b.faiss"], [], [])
    assert first.point.faiss == second.point.faiss == third.point.faiss
    assert second.proof
    assert second.proof.good
    assert second.figures.bytes_read == second.figures.bytes_new == second.figures.objects_new == 0
    assert second.figures.objects_reused == first.figures.objects_new
    assert restored(work, second, tmp_path / "back") == contents(folder)


def _in_place(path: Path) -> None:
    """Change a byte in the middle, and set the time back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(path: Path) -> None:
    """Put another of the same size and time in its place."""
    before = path.stat()
    write(path.with_name("beside"), 7)
    os.utime(path.with_name("beside"), ns=(before.st_atime_ns, before.st_mtime_ns))
    path.with_name("beside").rename(path)


def _swapped(path: Path) -> None:
    """Give it the name and the place of the other one."""
    other = path.parent / "deep" / "b.faiss"
    path.rename(path.with_name("beside"))
    other.rename(path)
    path.with_name("beside").rename(other)


@pytest.mark.parametrize("change", [_in_place, _replaced, _swapped])
def test_what_was_written_to_is_read(tmp_path: Path, folder: Path, change: Callable[[Path], None]) -> None:
    """Even when it has its old size and time."""
    work = work_on(tmp_path)
    save(work, folder)
    change(folder / "a.index")
    report, read = save(work, folder)
    assert "a.index" in read
    assert restored(work, report, tmp_path / "back") == contents(folder)
    assert save(work, folder)[1] == []


def test_what_changes_while_another_is_copied_is_read(tmp_path: Path, folder: Path) -> None:
    """A known file, too, is of the one moment of the point."""
    work = work_on(tmp_path)
    save(work, folder)
    write(folder / "new.index", 3)
    find = KnownFiles(work.repository, work.host).find
    changed: list[int] = []

    def once(_amount: int) -> None:
        if not changed:
            changed.append(1)
            _in_place(folder / "a.index")

    captured = capture_faiss_folder(
        folder, tmp_path / "spool", find=find, progress=once, clock_ns=later, sleep=lambda _seconds: None
    )
    assert [name for name, _ in captured.files] == ["a.index", "new.index"]
    assert [entry.path for entry in captured.known] == ["deep/b.faiss"]
    assert [facts.path for facts in captured.indexes] == ["a.index", "deep/b.faiss", "new.index"]
    assert (tmp_path / "spool" / "a.index").read_bytes() == (folder / "a.index").read_bytes()


def test_what_was_just_written_is_read_the_next_time(tmp_path: Path, folder: Path) -> None:
    """Its times could be the same after another write: a point says nothing of them, nor of times to come."""
    work = work_on(tmp_path)
    assert len(save(work, folder, clock_ns=lambda: time.time_ns() + 1_000_000_000)[1]) == 2
    assert len(save(work, folder, clock_ns=lambda: time.time_ns() - 86_400_000_000_000)[1]) == 2
    assert len(save(work, folder)[1]) == 2
    assert save(work, folder)[1] == []


def test_a_lost_object_is_written_anew(tmp_path: Path, folder: Path) -> None:
    """A file is read when not all of it is there any more, and mends the older point too."""
    work = work_on(tmp_path)
    first, _ = save(work, folder)
    assert first.point.faiss
    work.repository.store.delete(object_key(first.point.faiss.files[0].objects[0]))
    second, read = save(work, folder)
    assert read == ["a.index"]
    assert work.repository.check_bytes(first.point) == work.repository.check_bytes(second.point) == []


def test_two_folders_by_turns(tmp_path: Path, folder: Path) -> None:
    """Each is known, and files of the same name are not confused."""
    work = work_on(tmp_path)
    others = tmp_path / "other"
    others.mkdir()
    write(others / "a.index", 9)
    save(work, folder)
    save(work, others)
    assert save(work, folder)[1] == []
    report, read = save(work, others)
    assert read == []
    assert restored(work, report, tmp_path / "back") == contents(others)


def test_the_stamp_tells_more_than_the_time(tmp_path: Path, folder: Path) -> None:
    """Any field that differs makes a file another one."""
    work = work_on(tmp_path)
    report, _ = save(work, folder)
    assert report.point.faiss
    stamp = report.point.faiss.indexes[0].stamp
    assert stamp
    known = KnownFiles(work.repository, work.host)
    found = known.find("a.index", stamp)
    assert isinstance(found, Known)
    assert found.entry == report.point.faiss.files[0]
    assert known.find("deep/b.faiss", stamp) is None
    for field in FileStamp.model_fields:
        assert known.find("a.index", stamp.model_copy(update={field: 1})) is None
