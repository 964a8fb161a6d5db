"""The documents' half of a restore: new epochs are laid beside, then pointers are moved under the lock."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain import StoreUnavailableError
from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.capture.epochs import lay_collection, point_to, remove_epoch, switch
from pipelines.ops.context import Context
from pipelines.ops.errors import RefusedError, UnreachableError
from pipelines.ops.model import CollectionFacts, FaissSource
from pipelines.ops.proof.proving import fetch
from pipelines.ops.restore.journal import EpochSwitch

_LOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class StagedDocuments:
    """Epochs that are whole on disk and not yet in use."""

    work: Context
    facts: Sequence[CollectionFacts]
    switches: tuple[EpochSwitch, ...]

    def switch(self) -> None:
        """Put the new epochs in use, after the writes under way have ended."""
        with self._held():
            for one in self.switches:
                point_to(folder_of(self.work, one), one.new)

    def wait_for_writers(self) -> None:
        """Return when no write is under way any more; the journal refuses new ones."""
        with self._held():
            pass

    @contextmanager
    def _held(self) -> Iterator[None]:
        with ExitStack() as locks:
            try:
                for one in self.switches:
                    locks.enter_context(folder_of(self.work, one).exclusive_lock(_LOCK_S))
            except StoreUnavailableError as error:
                raise UnreachableError(error.what, error.hint) from error
            yield


def planned(work: Context, source: FaissSource | None) -> tuple[EpochSwitch, ...]:
    """Name the new epoch of every collection of a point. Raises RefusedError for what is no collection."""
    if source is None:
        return ()
    if source.way != "collections":
        raise RefusedError(
            "The point holds a folder of FAISS files, which the running stack has no place for.",
            "Restore it with --into FOLDER, or leave it out with --only redis.",
        )
    folders = [CollectionFolder(indexes_root(work.data_dir), facts.name) for facts in source.collections]
    return tuple(
        EpochSwitch(collection=folder.name, old=folder.read_pointer(), new=folder.new_epoch())
        for folder in folders
    )


def stage(
    work: Context, source: FaissSource, switches: tuple[EpochSwitch, ...], spool: Path
) -> StagedDocuments:
    """Write every collection of a point as its new epoch, not yet in use."""
    fetch(work, source, spool)
    for one in switches:
        with work.watch.step(f"Lay the documents of {one.collection}"):
            lay_collection(spool / one.collection, folder_of(work, one), one.new)
    return StagedDocuments(work, source.collections, switches)


def folder_of(work: Context, one: EpochSwitch) -> CollectionFolder:
    """Return where the collection of a switch lies."""
    return CollectionFolder(indexes_root(work.data_dir), one.collection)


def settle(work: Context, switches: Sequence[EpochSwitch], *, new: bool) -> None:
    """Have all collections use their new epochs, or their old ones again."""
    for one in switches:
        folder = folder_of(work, one)
        wanted, other = (one.new, one.old) if new else (one.old, one.new)
        if folder.read_pointer() == other:
            switch(folder, wanted, timeout=_LOCK_S)


def remove_unused(work: Context, switches: Sequence[EpochSwitch]) -> None:
    """Remove the old epochs where the new ones are in use, else the new ones."""
    for one in switches:
        folder = folder_of(work, one)
        unused = one.old if folder.read_pointer() == one.new else one.new
        if unused is not None:
            remove_epoch(folder, unused)
