"""The base: an immutable FAISS file of the passages up to one write, checked before use and memory-mapped."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import faiss
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from app.domain import Vector, Vectors
from app.stores.index.scoring import longest_row

Scores: TypeAlias = NDArray[np.float32]
Positions: TypeAlias = NDArray[np.int64]

_PREFIX, _SUFFIX = "index-", ".faiss"


@dataclass(frozen=True, slots=True)
class BaseRow:
    """What the database says of the index file: up to which write and passage it goes, its name and sum."""

    sequence: int
    last_passage: int
    file: str
    blake3: str


class DamagedBaseError(Exception):
    """The index file is missing or is not the one that was written."""


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded index file; `index` is a FAISS IndexFlatIP and must never be changed.

    `ids` ascend and belong to `rows`, the longest of which has the length `longest`.
    """

    row: BaseRow
    index: Any
    ids: NDArray[np.int64]
    rows: Vectors
    longest: float
    owner: Any  # the mapped file goes away with it

    @classmethod
    def load(cls, folder: Path, row: BaseRow) -> Self:
        """Map the file that `row` names. Raises DamagedBaseError."""
        path = folder / row.file
        try:
            # FAISS loads an index with flipped bits without a word.
            if blake3_of(path) != row.blake3:
                raise DamagedBaseError(f"{path} does not have the sum it was written with")
            outer: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except (OSError, RuntimeError) as error:
            raise DamagedBaseError(f"{path} cannot be read: {error}") from error
        index: Any = faiss.downcast_index(outer.index)
        rows = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(-1, index.d)
        ids = faiss.vector_to_array(outer.id_map)
        return cls(row, index, ids, rows, longest_row(rows), outer)

    def nearest(self, query: Vector, count: int, live: NDArray[np.bool_]) -> tuple[Scores, Positions]:
        """Return the scores and positions of the `count` best live rows, best first."""
        found = self.index.search(query[np.newaxis], count, params=_only(live))
        scores, positions = found[0][0], found[1][0]
        return scores[positions >= 0], positions[positions >= 0]

    def within(self, query: Vector, least: float, live: NDArray[np.bool_]) -> Positions:
        """Return the positions of all live rows that score above `least`, in no order."""
        _, _, positions = self.index.range_search(query[np.newaxis], least, params=_only(live))
        return np.asarray(positions, np.int64)


def _only(live: NDArray[np.bool_]) -> object:
    # Runs before each call into FAISS. Holds for the calling thread only; two per query are slower.
    faiss.omp_set_num_threads(1)
    if live.all():
        return None
    untyped: Any = faiss  # its stubs know only the C++ signatures
    bits = np.packbits(live, bitorder="little")
    only: object = untyped.SearchParameters(sel=untyped.IDSelectorBitmap(bits))
    return only


def base_file(sequence: int) -> str:
    """Return the name of the index file as of a write."""
    return f"{_PREFIX}{sequence}{_SUFFIX}"


def base_files(folder: Path) -> list[Path]:
    """List the index files in an epoch folder, half-written ones included."""
    return [path for path in folder.iterdir() if path.name.lstrip(".").startswith(_PREFIX)]


def write_index(path: Path, ids: NDArray[np.int64], rows: Vectors) -> None:
    """Write a flat inner-product index that answers with `ids`. Raises OSError."""
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(rows.shape[1]))
    if len(ids):
        index.add_with_ids(rows, ids)
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"FAISS could not write {path}: {error}") from error


def blake3_of(path: Path) -> str:
    """Return the sum of a file. Raises OSError."""
    if path.stat().st_size == 0:
        return blake3().hexdigest()
    return blake3().update_mmap(path).hexdigest()


def read_base_row(connection: sqlite3.Connection) -> BaseRow | None:
    """Return which index file may be used, if any."""
    row = connection.execute("SELECT sequence, last_passage, file, blake3 FROM base").fetchone()
    return BaseRow(*row) if row else None


def write_base_row(connection: sqlite3.Connection, row: BaseRow) -> None:
    """Say which index file may be used from now on."""
    connection.execute("DELETE FROM base")
    connection.execute(
        "INSERT INTO base VALUES (?, ?, ?, ?)", (row.sequence, row.last_passage, row.file, row.blake3)
    )
