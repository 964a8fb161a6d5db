"""The document indexes on disk: the folder can be read, each pointer leads to a database."""

import os
from collections.abc import Iterator

from app.domain import StoreUnavailableError
from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.doctor.check import Finding, Subject, green, red, skipped

_MAGIC = b"SQLite format 3\x00"
_RESTORE = "Restore the documents: `synapse restore latest --only faiss`."


def look_at_indexes(subject: Subject) -> Iterator[Finding]:
    """Look at each collection without opening its database, which its service may be writing."""
    root = indexes_root(subject.settings.service.data_dir)
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except FileNotFoundError:
        yield skipped("indexes", f"no collection in {root} yet")
        return
    except OSError as error:
        yield red(
            "indexes", f"{root} cannot be read ({error.strerror})", f"Make it a folder again. {_RESTORE}"
        )
        return
    collections = [CollectionFolder(root, name) for name in names if not name.startswith(".")]
    found = [_collection(collection) for collection in collections]
    yield from [finding for finding in found if finding] or [
        skipped("indexes", f"no collection in {root} yet")
    ]


def _collection(collection: CollectionFolder) -> Finding | None:
    name = f"index {collection.name}"
    try:
        epoch = collection.read_pointer()
    except StoreUnavailableError as error:
        return red(name, error.what, error.hint)
    if epoch is None:
        left = collection.epochs()
        if not left:
            return None
        return red(
            name,
            f"the pointer {collection.folder / 'current'} is missing, but there are documents",
            f"Write the name of an epoch into it ({', '.join(left)}), or restore.",
        )
    database = collection.database(epoch)
    try:
        with database.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        return red(name, f"{database} cannot be read ({error.strerror})", _RESTORE)
    if begin != _MAGIC:
        return red(name, f"{database} is no database", _RESTORE)
    return green(name, f"epoch {epoch[:8]} has its documents in {database.parent}")
