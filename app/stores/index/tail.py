"""The tail: passages added after the base, in a growing array of which each view sees a fixed beginning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.domain import Vector, Vectors
from app.stores.index.scoring import longest_row, rounding, without


@dataclass(frozen=True, slots=True)
class Tail:
    """The first `count` rows of arrays that may grow behind them; ids ascend.

    Readers of a tail never see it change. Only the newest tail may be extended, by one thread at a time:
    its followers share the arrays, so that an add does not copy what is there.
    """

    count: int
    live: NDArray[np.bool_]
    longest: float
    all_ids: NDArray[np.int64]
    all_rows: Vectors

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Start with no passage."""
        return cls(
            count=0,
            live=np.ones(0, np.bool_),
            longest=0.0,
            all_ids=np.empty(0, np.int64),
            all_rows=np.empty((0, dimension), np.float32),
        )

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of this tail."""
        return self.all_ids[: self.count]

    @property
    def rows(self) -> Vectors:
        """The vectors of this tail."""
        return self.all_rows[: self.count]

    def extended(self, added: Iterable[tuple[int, Vector]]) -> Self:
        """Return the tail with more passages, whose ids ascend from the last."""
        ids, rows, end = self.all_ids, self.all_rows, self.count
        for passage_id, vector in added:
            if end == len(ids):
                ids, rows = _grown(ids, rows)
            ids[end], rows[end] = passage_id, vector
            end += 1
        live = np.concatenate([self.live, np.ones(end - self.count, np.bool_)])
        longest = max(self.longest, longest_row(rows[self.count : end]))
        return replace(self, count=end, live=live, longest=longest, all_ids=ids, all_rows=rows)

    def without(self, deleted: Sequence[range]) -> Self:
        """Return the tail without the passages whose ids are in those ranges."""
        return replace(self, live=without(self.ids, self.live, deleted))

    def candidates(self, query: Vector, limit: int) -> tuple[NDArray[np.int64], Vectors]:
        """Return the ids and vectors of all that may be among the `limit` best, rounding reckoned with."""
        ids, rows = self.ids[self.live], self.rows
        scores = (rows @ query)[self.live]
        if len(ids) > limit:
            least = np.partition(scores, -limit)[-limit] - rounding(query, self.longest)
            near = scores >= least
        else:
            near = np.ones(len(ids), np.bool_)
        return ids[near], rows[np.flatnonzero(self.live)[near]]


def _grown(ids: NDArray[np.int64], rows: Vectors) -> tuple[NDArray[np.int64], Vectors]:
    room = max(64, 2 * len(ids))
    more_ids = np.empty(room, np.int64)
    more_rows = np.empty((room, rows.shape[1]), np.float32)
    more_ids[: len(ids)], more_rows[: len(rows)] = ids, rows
    return more_ids, more_rows
