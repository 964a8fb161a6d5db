"""Capture collections while the service writes to them: nobody waits, and the copy is of one moment."""

import sqlite3
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from app.domain import StoreUnavailableError
from app.stores.index.base import BaseRow, base_files, read_base_row
from app.stores.index.database import connect
from app.stores.index.layout import DATABASE, CollectionFolder, collections
from app.stores.index.records import read_state
from pipelines.ops.capture.canaries import canaries_from, new_questions
from pipelines.ops.capture.copying import Progress, copy_open, ignore
from pipelines.ops.errors import DamagedError, OpsError, UnreachableError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import LoadedIndex, load_collection
from pipelines.ops.model import CollectionFacts, FaissSource, FileEntry, FileStamp, IndexFacts

ATTEMPTS = 5
"""Tries to get hold of an index file, which the service replaces now and then."""
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class CapturedFaiss:
    """Captured files by name, and what is known of them; `known` are stored already, and not captured."""

    way: Literal["collections", "folder", "import"]
    files: tuple[tuple[str, Path], ...]
    collections: tuple[CollectionFacts, ...] = ()
    indexes: tuple[IndexFacts, ...] = ()
    notes: tuple[str, ...] = ()
    known: tuple[FileEntry, ...] = ()

    def source(self, files: tuple[FileEntry, ...]) -> FaissSource:
        """Describe the capture for the manifest, once its files are stored."""
        return FaissSource(
            way=self.way,
            collections=self.collections,
            indexes=self.indexes,
            notes=self.notes,
            files=(*files, *self.known),
        )


class _ReplacedError(Exception):
    """The index file that the copied database names is not to be had any more."""


def capture_collections(
    root: Path, spool: Path, *, progress: Progress = ignore, limits: Limits = _LIMITS
) -> CapturedFaiss | None:
    """Copy every collection under `root` (`<data>/faiss_indexes`) into `spool`; None when there is none.

    All that was acknowledged before the call is in the copy. Raises UnreachableError, DamagedError when a
    collection is damaged, OpsError when the spool is full.
    """
    files: list[tuple[str, Path]] = []
    facts: list[CollectionFacts] = []
    notes: list[str] = []
    for collection in collections(root):
        folder = spool / collection.name
        try:
            epoch, noted = _capture(collection, folder, progress)
        except StoreUnavailableError as error:
            raise UnreachableError(error.what, error.hint) from error
        except (OSError, sqlite3.Error) as error:
            raise OpsError(
                f"The collection {collection.name} could not be copied to {folder} ({error}).",
                "See that this disk has room and that this user may read the collection.",
            ) from error
        facts.append(_facts(collection.name, epoch, folder, limits))
        files += [(f"{collection.name}/{path.name}", path) for path in sorted(folder.iterdir())]
        notes += noted
    if not facts:
        return None
    return CapturedFaiss("collections", tuple(files), collections=tuple(facts), notes=tuple(notes))


def unchanged(captured: CapturedFaiss | None, root: Path) -> bool:
    """Say whether the collections under `root` are, write for write, what was captured.

    False also when that cannot be told: capturing them again will say why.
    """
    before = {facts.name: (facts.epoch, facts.sequence) for facts in captured.collections} if captured else {}
    try:
        return {collection.name: _at(collection) for collection in collections(root)} == before
    except (StoreUnavailableError, OSError, sqlite3.Error):
        return False


def index_facts(loaded: LoadedIndex, path: str | None, stamp: FileStamp | None = None) -> IndexFacts:
    """Turn what the loader found into the manifest's words."""
    return IndexFacts(
        path=path,
        index_type=loaded.index_type,
        dimension=loaded.dimension,
        metric=loaded.metric,
        count=loaded.count,
        canaries=canaries_from(loaded.answers),
        stamp=stamp,
    )


def _at(collection: CollectionFolder) -> tuple[str | None, int]:
    epoch = collection.read_pointer()
    if epoch is None:
        return None, 0
    with closing(connect(f"{collection.database(epoch).absolute().as_uri()}?mode=ro")) as live:
        return epoch, read_state(live).sequence


def _capture(collection: CollectionFolder, folder: Path, progress: Progress) -> tuple[str, list[str]]:
    """Copy one collection; return its epoch and notes."""
    folder.mkdir(mode=0o700, parents=True)
    database = folder / DATABASE
    for _ in range(ATTEMPTS):
        database.unlink(missing_ok=True)
        with ExitStack() as pins, suppress(_ReplacedError):
            epoch, pinned = _cut(collection, database, pins)
            progress(database.stat().st_size)
            _copy_index(collection.epoch_folder(epoch), folder, pinned, progress)
            return epoch, []
    _forget_index(database)
    note = (
        f"the index file of the collection {collection.name} is missing or damaged; "
        "the point holds all its documents, from which the service makes it anew"
    )
    return epoch, [note]


def _cut(collection: CollectionFolder, target: Path, pins: ExitStack) -> tuple[str, dict[str, BinaryIO]]:
    """Copy the database as of now, and open the index files that there were just before."""
    with collection.shared_lock():
        epoch = collection.read_pointer()
        if epoch is None:
            raise StoreUnavailableError(
                f"The collection {collection.name} lost its pointer meanwhile.", "Run the backup again."
            )
        pinned: dict[str, BinaryIO] = {}
        for path in base_files(collection.epoch_folder(epoch)):
            with suppress(FileNotFoundError):
                pinned[path.name] = pins.enter_context(path.open("rb"))
        uri = collection.database(epoch).absolute().as_uri()
        with closing(connect(f"{uri}?mode=ro")) as live, closing(sqlite3.connect(target)) as copy:
            # In one step: in smaller ones every write of the service makes SQLite begin again.
            live.backup(copy, pages=-1)
    return epoch, pinned


def _copy_index(source: Path, folder: Path, pinned: dict[str, BinaryIO], progress: Progress) -> None:
    """Copy the index file that the copied database names. Raises _ReplacedError when that is not it."""
    row = _base_row(folder / DATABASE)
    if row is None:
        return
    target = folder / Path(row.file).name
    try:
        with ExitStack() as late:
            file = pinned.get(row.file) or late.enter_context((source / row.file).open("rb"))
            found = copy_open(file, target, None, progress)
    except FileNotFoundError as error:
        raise _ReplacedError from error
    if found != row.blake3:
        target.unlink()
        raise _ReplacedError


def _base_row(database: Path) -> BaseRow | None:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        return read_base_row(copy)


def _forget_index(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as copy:
        copy.execute("DELETE FROM base")


def _facts(name: str, epoch: str, folder: Path, limits: Limits) -> CollectionFacts:
    loaded = load_collection(folder, new_questions(), limits=limits)
    if loaded.problems:
        raise DamagedError(
            f"The collection {name} is damaged: {'; '.join(loaded.problems)}.",
            "Restore the newest proven restore point, or back up Redis alone with `--only redis`.",
        )
    return CollectionFacts(
        name=name,
        epoch=epoch,
        sequence=loaded.sequence,
        documents=loaded.documents,
        passages=loaded.passages,
        model=loaded.model,
        normalised=loaded.normalised,
        index=index_facts(loaded, None),
    )
