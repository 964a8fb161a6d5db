"""What a search looks at: a base and a tail as of one write, none of which ever changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.domain import Vector
from app.stores.index.base import Base, Positions
from app.stores.index.scoring import best_first, exact_scores, rounding, without
from app.stores.index.tail import Tail

_SPARE = 16
"""Candidates asked for beyond the limit, so that near ties at the border are seen."""


@dataclass(frozen=True, slots=True)
class IndexView:
    """The passages after write `sequence`: those in `base` that live, and those in `tail` that live.

    `last_passage` is the highest id ever seen. Read-only, so any number of threads may search it.
    """

    sequence: int
    last_passage: int
    base: Base | None
    base_live: NDArray[np.bool_]
    tail: Tail

    @classmethod
    def at_base(cls, base: Base | None, dimension: int) -> Self:
        """Start from a base, or from nothing."""
        if base is None:
            return cls(0, 0, None, np.ones(0, np.bool_), Tail.empty(dimension))
        live = np.ones(len(base.ids), np.bool_)
        return cls(base.row.sequence, base.row.last_passage, base, live, Tail.empty(dimension))

    def advanced(
        self, sequence: int, last_passage: int, added: Iterable[tuple[int, Vector]], deleted: Sequence[range]
    ) -> Self:
        """Return the view after further writes; this one stays as it is. Only one thread at a time."""
        tail = self.tail.extended(added)
        live = self.base_live
        if deleted:
            tail = tail.without(deleted)
            live = without(self.base.ids, live, deleted) if self.base else live
        return replace(self, sequence=sequence, last_passage=last_passage, base_live=live, tail=tail)

    def search(self, query: Vector, limit: int) -> list[tuple[int, float]]:
        """Return up to `limit` passage ids and scores: higher score first, lower id first among equals."""
        if limit <= 0:
            return []
        query = np.ascontiguousarray(query, dtype=np.float32)
        ids, rows = self.tail.candidates(query, limit)
        if self.base is not None and self.base_live.any():
            positions = _nearest(self.base, self.base_live, query, limit)
            ids = np.concatenate([self.base.ids[positions], ids])
            rows = np.concatenate([self.base.rows[positions], rows])
        scores = exact_scores(rows, query)
        return [(int(ids[at]), float(scores[at])) for at in best_first(ids, scores, limit)]


def _nearest(base: Base, live: NDArray[np.bool_], query: Vector, limit: int) -> Positions:
    """Return the positions of all rows that may be among the `limit` best, rounding reckoned with."""
    count = min(limit + _SPARE, len(base.ids))
    scores, positions = base.nearest(query, count, live)
    if len(positions) <= limit:
        return positions
    least = float(scores[limit - 1]) - rounding(query, base.longest)
    all_seen = len(positions) < count or scores[-1] < least
    return positions if all_seen else base.within(query, least, live)
