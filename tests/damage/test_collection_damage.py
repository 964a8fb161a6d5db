"""Damaged copies of collections: a proof names the damage and is never good, whatever was changed."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.stores.index.layout import indexes_root
from pipelines.ops.capture.documents import capture_collections
from pipelines.ops.capture.faiss_proof import prove_faiss
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.model import FaissSource
from tests.ops.capture.examples import documents, open_docs, source_of

LIMITS = Limits(cpu_seconds=30, seconds=60)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FaissSource]:
    """Capture a collection with an index file."""
    folder = tmp_path_factory.mktemp("good")
    with closing(open_docs(folder, merge_at=40)) as docs:
        docs.add(documents("a", 20))
        docs.maybe_merge()
    captured = capture_collections(indexes_root(folder), folder / "spool")
    assert captured
    return folder / "spool", source_of(captured)


@pytest.fixture
def copy(tmp_path: Path, good: tuple[Path, FaissSource]) -> Path:
    """Copy the capture, to damage it."""
    shutil.copytree(good[0], tmp_path / "copy")
    return tmp_path / "copy"


def problems(folder: Path, good: tuple[Path, FaissSource]) -> tuple[str, ...]:
    """Prove a damaged copy; it must not be good."""
    found = prove_faiss(folder, good[1], limits=LIMITS).problems
    assert found
    assert all("docs" in problem for problem in found)
    return found


def test_undamaged(copy: Path, good: tuple[Path, FaissSource]) -> None:
    """Without damage there is no problem."""
    assert prove_faiss(copy, good[1]).problems == ()


@pytest.mark.parametrize("length", [0, 50, 5000, -500])
def test_cut_database(copy: Path, good: tuple[Path, FaissSource], length: int) -> None:
    """A database that ends early."""
    database = copy / "docs" / "documents.sqlite3"
    database.write_bytes(database.read_bytes()[:length])
    problems(copy, good)


def test_noise_instead_of_a_database(copy: Path, good: tuple[Path, FaissSource]) -> None:
    """A file that is none."""
    (copy / "docs" / "documents.sqlite3").write_bytes(np.random.default_rng(1).bytes(8192))
    assert "are damaged" in problems(copy, good)[0]


@pytest.mark.parametrize("page", range(1, 9))
def test_noise_in_a_page(copy: Path, good: tuple[Path, FaissSource], page: int) -> None:
    """Noise in the middle of any page is noticed."""
    database = copy / "docs" / "documents.sqlite3"
    content = bytearray(database.read_bytes())
    content[page * 4096 : page * 4096 + 400] = np.random.default_rng(page).bytes(400)
    database.write_bytes(content)
    problems(copy, good)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM passages WHERE id = 3",
        "UPDATE passages SET vector = zeroblob(8) WHERE id = 3",
        "UPDATE state SET sequence = sequence + 1",
        "UPDATE meta SET model = 'other'",
        "UPDATE meta SET dimension = 8",
        "UPDATE meta SET version = 99",
        "UPDATE base SET blake3 = 'x'",
        "UPDATE base SET file = '../../outside'",
        "DROP TABLE tombstones",
        "DELETE FROM state",
        "DELETE FROM meta",
        "UPDATE passages SET vector = (SELECT vector FROM passages WHERE id = 9)",
    ],
)
def test_changed_content(copy: Path, good: tuple[Path, FaissSource], statement: str) -> None:
    """A sound database whose content is not what was captured."""
    with closing(sqlite3.connect(copy / "docs" / "documents.sqlite3", isolation_level=None)) as database:
        database.execute(statement)
    problems(copy, good)


def test_index_file_changed_or_gone(copy: Path, good: tuple[Path, FaissSource]) -> None:
    """The index file must be the one that was written."""
    (index,) = (copy / "docs").glob("index-*.faiss")
    content = bytearray(index.read_bytes())
    content[-5] ^= 1
    index.write_bytes(content)
    assert "the index file is missing or is not the one" in problems(copy, good)[0]
    index.unlink()
    assert "the index file is missing or is not the one" in problems(copy, good)[0]


def test_collection_gone(copy: Path, good: tuple[Path, FaissSource]) -> None:
    """A collection that is not there."""
    shutil.rmtree(copy / "docs")
    assert "is not there" in problems(copy, good)[0]


def test_name_that_climbs(copy: Path, good: tuple[Path, FaissSource]) -> None:
    """A manifest whose collection leads elsewhere is not followed."""
    facts = good[1].collections[0].model_copy(update={"name": "../docs"})
    source = good[1].model_copy(update={"collections": (facts,)})
    assert "has no documents.sqlite3 among the files" in prove_faiss(copy, source).problems[0]
