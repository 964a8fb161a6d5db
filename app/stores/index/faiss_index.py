"""The document index on disk: SQLite holds the truth, FAISS finds; several processes share it."""

import builtins
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Self, TypeVar

import structlog

from app.domain import (
    Document,
    EmbeddingModel,
    Generation,
    Hit,
    NewDocument,
    StoreUnavailableError,
    Vector,
)
from app.errors import SynapseError
from app.stores.index import records
from app.stores.index.checks import check_documents, check_query
from app.stores.index.creation import create_if_missing
from app.stores.index.database import RetiredError
from app.stores.index.durable import Step, unobserved
from app.stores.index.epoch import Epoch
from app.stores.index.layout import CollectionFolder, indexes_root, refuse_during_restore
from app.stores.index.merge import merge
from app.stores.index.port import IndexDescription
from app.stores.index.schema import check_model

MERGE_AT = 4096
"""Passages in the tail at which it is folded into the base."""

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class FaissDocumentIndex:
    """Implements DocumentIndex in `<data>/faiss_indexes/<collection>`; see layout.py for the files."""

    def __init__(
        self,
        data_dir: Path,
        collection: str,
        model: EmbeddingModel,
        *,
        merge_at: int = MERGE_AT,
        merge_behind: bool = True,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._data_dir = data_dir
        self._collection = CollectionFolder(indexes_root(data_dir), collection)
        self._model = model
        self._merge_at = merge_at
        self._merges_behind = merge_behind
        self._clock = clock
        self._epoch: Epoch | None = None
        self._closed = False
        self._swapping = Lock()
        self._merger = ThreadPoolExecutor(max_workers=1, thread_name_prefix="merge")
        self._merging: Future[None] | None = None

    @classmethod
    def open(
        cls,
        data_dir: Path,
        collection: str,
        model: EmbeddingModel,
        *,
        merge_at: int = MERGE_AT,
        merge_behind: bool = True,
        clock: Callable[[], datetime] = _now,
    ) -> Self:
        """Open a collection, making it when there is none; its vectors are in memory when this returns.

        When `merge_at` passages are not in the index file yet it is written anew: with `merge_behind` by a
        thread of this object, else when somebody calls `maybe_merge`.
        Raises ModelMismatchError, StoreUnavailableError, and ValueError on a name that is none.
        """
        index = cls(data_dir, collection, model, merge_at=merge_at, merge_behind=merge_behind, clock=clock)
        try:
            create_if_missing(data_dir, index._collection, model)
            index._current().view()
        except BaseException:
            index.close()
            raise
        index._merge_behind()
        return index

    def describe(self) -> IndexDescription:
        """See DocumentIndex."""
        return self._read(Epoch.describe)

    def generation(self) -> Generation:
        """See DocumentIndex."""
        return self._read(Epoch.generation)

    def add(self, documents: Sequence[NewDocument]) -> Generation:
        """See DocumentIndex."""
        check_documents(documents, self._model)
        with self._writing() as epoch, epoch.database.writing() as connection:
            state = records.insert(connection, documents, self._clock())
        self._merge_behind()
        return Generation(epoch.name, state.sequence)

    def delete(self, document_id: str) -> Generation:
        """See DocumentIndex."""
        with self._writing() as epoch, epoch.database.writing() as connection:
            state = records.remove(connection, document_id)
        return Generation(epoch.name, state.sequence)

    def get(self, document_id: str) -> Document:
        """See DocumentIndex."""

        def read(epoch: Epoch) -> Document:
            with epoch.database.reading() as connection:
                return records.read(connection, document_id)

        return self._read(read)

    def list(self, *, after: int = 0, limit: int = 100) -> Sequence[Document]:
        """See DocumentIndex."""

        def read(epoch: Epoch) -> builtins.list[Document]:
            with epoch.database.reading() as connection:
                return records.read_after(connection, after, limit)

        return self._read(read)

    def newest(self, *, before: int | None = None, limit: int = 100) -> Sequence[Document]:
        """See DocumentIndex."""

        def read(epoch: Epoch) -> builtins.list[Document]:
            with epoch.database.reading() as connection:
                return records.read_before(connection, before, limit)

        return self._read(read)

    def search(self, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """See DocumentIndex."""
        check_query(vector, self._model)
        return self._read(lambda epoch: epoch.search(vector, limit))

    def maybe_merge(self, *, step: Step = unobserved) -> bool:
        """Fold the tail into the index file when it is long; True when this call did it.

        Raises StoreUnavailableError, after which everything is as before.
        """
        return self._read(lambda epoch: merge(epoch, self._collection, merge_at=self._merge_at, step=step))

    def close(self) -> None:
        """See DocumentIndex. Waits for a merge that is under way."""
        with self._swapping:
            self._closed = True
        self._merger.shutdown(wait=True, cancel_futures=True)
        if self._epoch is not None:
            self._epoch.close()

    def _current(self) -> Epoch:
        """Return the epoch that the pointer names, opening it when it is another one than before."""
        with self._swapping:
            if self._closed:
                raise StoreUnavailableError(
                    f"The collection {self._collection.name} was closed.", "Start the service again."
                )
            name = self._collection.read_pointer()
            if self._epoch is None or self._epoch.name != name:
                opened = self._opened(name)
                if self._epoch is not None:
                    self._epoch.close()
                self._epoch = opened
            return self._epoch

    def _opened(self, name: str | None) -> Epoch:
        if name is None:
            raise StoreUnavailableError(
                f"The collection {self._collection.name} has lost its pointer in {self._collection.folder}.",
                "Restore the newest proven restore point: `synapse restore`.",
            )
        epoch = Epoch(self._collection.epoch_folder(name))
        try:
            check_model(epoch.model, self._model, self._collection.name)
        except BaseException:
            epoch.close()
            raise
        return epoch

    def _read(self, question: Callable[[Epoch], T]) -> T:
        while True:
            try:
                return question(self._current())
            except RetiredError:
                continue  # another thread has just gone over to a new epoch

    @contextmanager
    def _writing(self) -> Iterator[Epoch]:
        # Before the lock, so that a long restore refuses at once; and under it, where it is certain.
        refuse_during_restore(self._data_dir)
        with self._collection.shared_lock():
            refuse_during_restore(self._data_dir)
            yield self._current()

    def _merge_behind(self) -> None:
        with self._swapping:
            # One that runs may have looked before the last add; one that waits will see it.
            waiting = self._merging and not (self._merging.running() or self._merging.done())
            if self._merges_behind and not waiting and not self._closed:
                self._merging = self._merger.submit(self._merge_and_say)

    def _merge_and_say(self) -> None:
        try:
            self.maybe_merge()
        except SynapseError as error:
            if not self._closed:
                # The documents are safe without it; searches stay right and only get slower.
                log = structlog.get_logger(__name__)
                log.warning(
                    "merge failed", collection=self._collection.name, what=error.what, hint=error.hint
                )
