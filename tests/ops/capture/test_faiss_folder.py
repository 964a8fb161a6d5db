"""A folder of FAISS files that others write to is captured as of one moment, or what changes is named."""

import os
from pathlib import Path

import pytest

from pipelines.ops.capture.faiss_folder import ATTEMPTS, capture_faiss_folder
from pipelines.ops.capture.faiss_proof import prove_faiss
from pipelines.ops.errors import DamagedError, NothingError, OpsError
from pipelines.ops.model import FaissSource
from tests.ops.capture.examples import source_of
from tests.ops.faiss.examples import write_example


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay two indexes, a file of another kind, and a link."""
    folder = tmp_path / "foreign"
    (folder / "deep").mkdir(parents=True)
    write_example(folder / "a.index", "IDMap2,IVF16,Flat")
    write_example(folder / "deep" / "b.faiss", "BFlat")
    (folder / "readme.txt").touch()
    (folder / "c.index").symlink_to(folder / "a.index")
    settled(folder / "a.index")
    settled(folder / "deep" / "b.faiss")
    return folder


def settled(path: Path) -> None:
    """Make a file look as if it was written a while ago."""
    os.utime(path, (1, 1))


def unpaused(_seconds: float) -> None:
    """Lose no time."""


def test_indexes_of_a_folder(tmp_path: Path, folder: Path) -> None:
    """All indexes below are captured, described and proven."""
    captured = capture_faiss_folder(folder, tmp_path / "spool", sleep=unpaused)
    assert [name for name, _ in captured.files] == ["a.index", "deep/b.faiss"]
    assert [facts.index_type for facts in captured.indexes] == ["IDMap2(IVFFlat[nlist=16])", "BinaryFlat"]
    proof = prove_faiss(tmp_path / "spool", source_of(captured))
    assert proof.problems == ()
    assert proof.facts["vectors"] == 2000


def test_file_replaced_meanwhile(tmp_path: Path, folder: Path) -> None:
    """A file that is replaced while others are copied is copied again."""
    steps: list[int] = []

    def replace_once(_amount: int) -> None:
        if not steps:
            write_example(folder / "beside", "Flat")
            settled(folder / "beside")
            (folder / "beside").rename(folder / "a.index")
        steps.append(1)

    captured = capture_faiss_folder(folder, tmp_path / "spool", progress=replace_once, sleep=unpaused)
    assert captured.indexes[0].index_type == "FlatL2"
    assert (tmp_path / "spool" / "a.index").read_bytes() == (folder / "a.index").read_bytes()


def test_file_removed_and_added_meanwhile(tmp_path: Path, folder: Path) -> None:
    """The capture holds the files of one moment."""
    pauses: list[float] = []

    def once(_amount: int) -> None:
        (folder / "deep" / "b.faiss").unlink(missing_ok=True)
        if not (folder / "new.faiss").exists():
            write_example(folder / "new.faiss", "Flat")
            settled(folder / "new.faiss")

    captured = capture_faiss_folder(folder, tmp_path / "spool", progress=once, sleep=pauses.append)
    assert [name for name, _ in captured.files] == ["a.index", "new.faiss"]
    assert pauses


def test_file_that_keeps_changing(tmp_path: Path, folder: Path) -> None:
    """After some tries the error names the file that is written to all the time."""

    def write(amount: int) -> None:
        if amount == 1:
            return  # the byte of the call before
        with (folder / "a.index").open("ab") as file:
            file.write(b"x")

    with pytest.raises(OpsError, match=rf"a\.index in .* kept changing during {ATTEMPTS} tries"):
        capture_faiss_folder(folder, tmp_path / "spool", progress=write, sleep=unpaused)


def test_change_within_one_tick_of_the_clock(tmp_path: Path, folder: Path) -> None:
    """A file written to a moment ago is looked at again later: its time may not show the next write."""
    pauses: list[float] = []
    now = 10**9 + 1000
    capture_faiss_folder(
        folder,
        tmp_path / "spool",
        sleep=pauses.append,
        clock_ns=lambda: now + 10**9 * len(pauses),
    )
    assert len(pauses) == 1


def test_damaged_file_is_named(tmp_path: Path, folder: Path) -> None:
    """A file that does not load is an error of the source, not a part of a backup."""
    (folder / "a.index").write_bytes(b"IxF2 and then nothing")
    settled(folder / "a.index")
    with pytest.raises(DamagedError, match=r"a\.index cannot be loaded"):
        capture_faiss_folder(folder, tmp_path / "spool", sleep=unpaused)


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without indexes is nothing to save."""
    with pytest.raises(NothingError, match="no files"):
        capture_faiss_folder(tmp_path, tmp_path / "spool")


def test_changed_copy_is_not_proven(tmp_path: Path, folder: Path) -> None:
    """A proof compares type, counts and answers, and misses no file."""
    captured = capture_faiss_folder(folder, tmp_path / "spool", sleep=unpaused)
    source = source_of(captured)
    write_example(tmp_path / "spool" / "a.index", "IDMap2,IVF16,Flat", count=999)
    (tmp_path / "spool" / "deep" / "b.faiss").unlink()
    problems = prove_faiss(tmp_path / "spool", source).problems
    assert "a.index: count is 999 instead of 1000" in problems
    assert any("deep/b.faiss cannot be read" in problem for problem in problems)
    without = FaissSource(way="folder", indexes=source.indexes, files=source.files[1:])
    assert "a.index is not among the files" in prove_faiss(tmp_path / "spool", without).problems[0]
