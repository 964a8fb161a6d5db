"""The documents' half of a restore: new epochs are laid beside, then pointers are moved under the lock."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain import StoreUnavailableError
from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.capture.epochs import lay_collection, point_to, remove_epoch
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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold every collection alone, after the writes under way have ended."""
        with ExitStack() as locks:
            try:
                for one in self.switches:
                    locks.enter_context(folder_of(self.work, one).exclusive_lock(_LOCK_S))
            except StoreUnavailableError as error:
                raise UnreachableError(error.what, error.hint) from error
            yield

    def switch(self) -> None:
        """Put the new epochs in use; only while they are held."""
        for one in self.switches:
            point_to(folder_of(self.work, one), one.new)

    def discard_unless_switched(self) -> None:
        """Remove the epochs that are not in use after all."""
        for one in self.switches:
            if folder_of(self.work, one).read_pointer() != one.new:
                remove_epoch(folder_of(self.work, one), one.new)

    def remove_old(self) -> None:
        """Remove the epochs that were in use before; a safety point holds them, if one was made."""
        for one in self.switches:
            if one.old is not None:
                remove_epoch(folder_of(self.work, one), one.old)


def stage(work: Context, source: FaissSource, spool: Path) -> StagedDocuments:
    """Write every collection of a point as a new epoch. Raises RefusedError for what is no collection."""
    if source.way != "collections":
        raise RefusedError(
            "The point holds a folder of FAISS files, which the running stack has no place for.",
            "Restore it with --into FOLDER, or leave it out with --only redis.",
        )
    fetch(work, source, spool)
    switches = []
    for facts in source.collections:
        collection = CollectionFolder(indexes_root(work.data_dir), facts.name)
        epoch = collection.new_epoch()
        with work.watch.step(f"Lay the documents of {facts.name}"):
            lay_collection(spool / facts.name, collection, epoch)
        switches.append(EpochSwitch(collection=facts.name, old=collection.read_pointer(), new=epoch))
    return StagedDocuments(work, source.collections, tuple(switches))


def folder_of(work: Context, switch: EpochSwitch) -> CollectionFolder:
    """Return where the collection of a switch lies."""
    return CollectionFolder(indexes_root(work.data_dir), switch.collection)


def back(work: Context, switch: EpochSwitch) -> None:
    """Point a collection to its old epoch again, or to none."""
    collection = folder_of(work, switch)
    if collection.read_pointer() == switch.new:
        point_to(collection, switch.old)
