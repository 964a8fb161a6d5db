"""A view ranks by exact scores, also where the float32 sums of FAISS cannot tell passages apart."""

from pathlib import Path

import numpy as np
import pytest

from app.domain import Vectors
from app.stores.index.base import Base, BaseRow, blake3_of, write_index
from app.stores.index.view import IndexView


def near_ties(count: int) -> Vectors:
    """Return rows of 256 numbers that differ in their last bits only."""
    random = np.random.default_rng(7)
    row = random.standard_normal(256).astype(np.float32)
    noise = random.integers(-2, 3, (count, 256)).astype(np.float32) * np.float32(2**-23)
    return row + row * noise


def view_of(rows: Vectors, in_base: int, folder: Path) -> IndexView:
    """Return a view with so many of the rows in the base and the others in the tail."""
    write_index(folder / "index", np.arange(1, in_base + 1), rows[:in_base])
    row = BaseRow(in_base, in_base, "index", blake3_of(folder / "index"))
    base = IndexView.at_base(Base.load(folder, row), 256)
    return base.advanced(len(rows), len(rows), list(enumerate(rows, start=1))[in_base:], [range(9, 12)])


@pytest.mark.parametrize("in_base", [0, 300, 600])
def test_near_ties_are_ranked_exactly(tmp_path: Path, in_base: int) -> None:
    """The order is that of the exact scores, wherever the passages are, and the deleted are left out."""
    rows = near_ties(600)
    query = rows[0]
    exact = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)
    exact[8:11] = -np.inf
    expected = np.lexsort((np.arange(600), -exact))[:5] + 1
    found = view_of(rows, in_base, tmp_path).search(query, 5)
    assert [passage_id for passage_id, _ in found] == expected.tolist()
    assert [score for _, score in found] == exact[expected - 1].tolist()
