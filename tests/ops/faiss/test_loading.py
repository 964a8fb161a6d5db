"""Every kind of FAISS index is described and asked in the child, and answers the same each time."""

import base64
import os
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import faiss
import numpy as np
import pytest

from pipelines.ops.capture.canaries import canaries_from, compare, new_questions, stored_questions
from pipelines.ops.errors import DamagedError
from pipelines.ops.faiss.limits import GIB, Limits
from pipelines.ops.faiss.loading import Questions, load_file
from tests.ops.faiss.examples import BINARY_KINDS, COUNT, DIMENSION, FLOAT_KINDS, write_example


@pytest.mark.parametrize("kind", FLOAT_KINDS + BINARY_KINDS)
def test_asked_twice(tmp_path: Path, kind: str) -> None:
    """The canaries of any index are answered again from its file."""
    path = tmp_path / "one.faiss"
    write_example(path, kind)
    first = load_file(path, new_questions())
    assert (first.dimension, first.count, len(first.answers)) == (DIMENSION, COUNT, 8)
    assert first.metric == ("hamming" if kind in BINARY_KINDS else "l2")
    canaries = canaries_from(first.answers)
    assert all(canary.ids for canary in canaries)
    assert compare(canaries, load_file(path, stored_questions(canaries)).answers) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Flat", "FlatL2"),
        ("IDMap2,HNSW16", "IDMap2(HNSWFlat[M=16])"),
        ("IVF16,PQ8x4", "IVFPQ[nlist=16,m=8,nbits=4]"),
        ("PCA16,IVF16,SQ8", "PreTransform(IVFScalarQuantizer[nlist=16])"),
        ("IDMap2,BFlat", "BinaryIDMap2(BinaryFlat)"),
    ],
)
def test_type_in_words(tmp_path: Path, kind: str, name: str) -> None:
    """The type names what is inside."""
    write_example(tmp_path / "one.faiss", kind)
    assert load_file(tmp_path / "one.faiss").index_type == name


def test_answers_are_those_of_faiss(tmp_path: Path) -> None:
    """A stored question gets the ids and scores that FAISS gives in this process."""
    index = write_example(tmp_path / "one.faiss", "IDMap,Flat", metric=faiss.METRIC_INNER_PRODUCT)
    row = np.random.default_rng(2).standard_normal((1, DIMENSION)).astype(np.float32)
    scores, ids = index.search(row, 5)
    vector = base64.b64encode(row.tobytes()).decode()
    (found,) = load_file(tmp_path / "one.faiss", Questions(vectors=(vector,), limit=5)).answers
    assert found.ids == tuple(ids[0])
    assert found.scores == pytest.approx(scores[0])


def test_own_vectors_find_themselves(tmp_path: Path) -> None:
    """Six of the eight chosen questions are vectors of the index, taken over its whole length."""
    write_example(tmp_path / "one.faiss", "Flat")
    answers = load_file(tmp_path / "one.faiss", new_questions()).answers
    assert [answer.ids[0] for answer in answers[:6]] == [83, 250, 416, 583, 750, 916]


def test_stored_parameters_do_not_matter(tmp_path: Path) -> None:
    """The nprobe that is stored in a file changes no answer: the question has its own."""
    index = write_example(tmp_path / "one.faiss", "IVF16,PQ8x4")
    index.nprobe = 1
    faiss.write_index(index, str(tmp_path / "one.faiss"))
    canaries = canaries_from(load_file(tmp_path / "one.faiss", new_questions()).answers)
    index.nprobe = 16
    faiss.write_index(index, str(tmp_path / "other.faiss"))
    again = load_file(tmp_path / "other.faiss", stored_questions(canaries)).answers
    assert compare(canaries, again) == []


def test_empty_index(tmp_path: Path) -> None:
    """An index without vectors loads and finds nothing."""
    write_example(tmp_path / "one.faiss", "Flat", count=0)
    found = load_file(tmp_path / "one.faiss", new_questions())
    assert found.count == 0
    assert all(answer.ids == () for answer in found.answers)


def test_question_of_another_size(tmp_path: Path) -> None:
    """A stored question that does not fit the index is a problem, not a crash."""
    write_example(tmp_path / "one.faiss", "Flat")
    vector = base64.b64encode(bytes(12)).decode()
    with pytest.raises(DamagedError, match="3 numbers and the index takes 32"):
        load_file(tmp_path / "one.faiss", Questions(vectors=(vector,)))


def test_private_file(tmp_path: Path) -> None:
    """A file that only its owner may read, in a folder that only its owner may enter, is loaded."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    write_example(folder / "one.faiss", "Flat")
    (folder / "one.faiss").chmod(0o600)
    assert load_file(folder / "one.faiss").count == COUNT


def test_memory_limit(tmp_path: Path) -> None:
    """A file that needs more memory than allowed is refused with the figure."""
    path = tmp_path / "big.faiss"
    write_example(path, "Flat")
    header = bytearray(path.read_bytes()[:45])
    vectors = 10_000_000
    header[8:16] = struct.pack("<q", vectors)
    header[37:45] = struct.pack("<Q", vectors * DIMENSION)
    path.write_bytes(header)
    os.truncate(path, len(header) + vectors * DIMENSION * 4)
    with pytest.raises(DamagedError, match=r"more than 1\.0 GiB of memory"):
        load_file(path, limits=Limits(memory=GIB))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_dies_with_its_parent(tmp_path: Path) -> None:
    """A loader whose parent is killed does not stay behind."""
    fifo = tmp_path / "held.faiss"
    os.mkfifo(fifo)
    script = (
        "import sys, pathlib, pipelines.ops.faiss.loading as loading\n"
        "loading.load_file(pathlib.Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(fifo)]) as parent, fifo.open("wb"):
        child = wait_for_child(parent.pid)
        parent.kill()
        parent.wait()
        wait_until_gone(child)


def wait_for_child(parent: int) -> int:
    """Return the process that `parent` started."""
    deadline = time.monotonic() + 30
    children = Path(f"/proc/{parent}/task/{parent}/children")
    while time.monotonic() < deadline:
        if found := children.read_text().split():
            return int(found[0])
    raise AssertionError("no loader was started")


def wait_until_gone(process: int) -> None:
    """Return when a process has ended."""
    deadline = time.monotonic() + 30
    with suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{process}/cmdline").read_bytes():  # a process that has ended has none
            assert time.monotonic() < deadline, "the loader stayed behind"
