"""One epoch of a collection: its documents on disk, and in memory the view of them that searches use."""

import sqlite3
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

from app.domain import Generation, Hit, Vector
from app.stores.index.base import Base, BaseRow, DamagedBaseError, read_base_row
from app.stores.index.database import Database
from app.stores.index.layout import DATABASE
from app.stores.index.port import IndexDescription
from app.stores.index.records import last_passage, read_deleted, read_sources, read_state, read_vectors
from app.stores.index.schema import read_model
from app.stores.index.view import IndexView

BaseState: TypeAlias = Literal["none", "used", "damaged"]


class Epoch:
    """Opens `folder`, whose name is the name of the epoch. Thread-safe. Raises StoreUnavailableError."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.folder = folder
        self.name = folder.name
        self.database = database or Database(folder / DATABASE)
        with self.database.reading() as connection:
            self.model = read_model(connection)
        self._listed: BaseRow | None = None
        self._damaged = False
        self._view = IndexView.at_base(None, self.model.dimension)
        self._catching_up = Lock()

    @property
    def base_state(self) -> BaseState:
        """Say whether the index file is used; a damaged one is not, its vectors come from the database."""
        used = self.view().base
        if self._damaged:
            return "damaged"
        return "used" if used else "none"

    def view(self) -> IndexView:
        """Return a view of all that is committed by now, by any process."""
        with self.database.reading() as connection:
            if self._is_current(connection):
                return self._view
        with self._catching_up, self.database.reading() as connection:
            if not self._is_current(connection):
                self._view = self._caught_up(connection)
            return self._view

    def generation(self) -> Generation:
        """Return the state that is on disk by now."""
        with self.database.reading() as connection:
            return Generation(self.name, read_state(connection).sequence)

    def describe(self) -> IndexDescription:
        """See DocumentIndex."""
        with self.database.reading() as connection:
            state = read_state(connection)
        return IndexDescription(
            index_type="Flat",
            metric="inner_product",
            model=self.model,
            documents=state.documents,
            passages=state.passages,
            generation=Generation(self.name, state.sequence),
        )

    def search(self, query: Vector, limit: int) -> list[Hit]:
        """Return the `limit` best passages of all that is committed by now."""
        view = self.view()
        while True:
            found = view.search(query, limit)
            hits = self._hits(found)
            if len(hits) == len(found):
                return hits
            # Some were deleted since the view was taken: others have moved up.
            newer = self.view()
            if newer.sequence == view.sequence:
                return hits
            view = newer

    def wants_merge(self, merge_at: int) -> bool:
        """Say whether the tail is `merge_at` passages long, or the base has to be written anew."""
        return self.view().tail.count >= merge_at or self._damaged

    def close(self) -> None:
        """Close the files; searches under way end well, later ones meet RetiredError."""
        self.database.close()

    def _is_current(self, connection: sqlite3.Connection) -> bool:
        sequence = read_state(connection).sequence
        return sequence == self._view.sequence and read_base_row(connection) == self._listed

    def _caught_up(self, connection: sqlite3.Connection) -> IndexView:
        view = self._on_listed_base(read_base_row(connection))
        return view.advanced(
            read_state(connection).sequence,
            last_passage(connection),
            read_vectors(connection, after=view.last_passage),
            read_deleted(connection, after=view.sequence),
        )

    def _on_listed_base(self, row: BaseRow | None) -> IndexView:
        if row == self._listed or row is None:
            return self._view
        try:
            base = Base.load(self.folder, row)
        except DamagedBaseError:
            # All it holds is in the database too, so the view without it is whole.
            self._damaged = True
            view = self._view
        else:
            self._damaged = False
            view = IndexView.at_base(base, self.model.dimension)
        self._listed = row
        return view

    def _hits(self, found: list[tuple[int, float]]) -> list[Hit]:
        with self.database.reading() as connection:
            sources = read_sources(connection, [passage_id for passage_id, _ in found])
        return [
            Hit(
                passage_id=passage_id,
                document_id=source.document_id,
                title=source.title,
                start=source.start,
                end=source.end,
                text=source.text,
                score=score,
            )
            for passage_id, score in found
            if (source := sources.get(passage_id))
        ]
