"""What prunes leave for backups and each other: lists of condemned objects, records of who deletes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipelines.ops.errors import DamagedError, OpsError
from pipelines.ops.model import CondemnedList, PruneRecord
from pipelines.ops.repository.documents import DocumentT, digest, from_bytes, to_bytes
from pipelines.ops.repository.named import name_of, parse_name, put_named
from pipelines.ops.repository.objects import NAME
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import AbsentError, ObjectStore, Stored

LISTS = "condemned/"
RECORDS = "prunes/"
MAX_LISTED = 200_000
"""Objects in one list; more make more lists."""
MAX_DOCUMENT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it is in the store: since when, and what it condemns; nothing when it is not `readable`."""

    key: str
    written: float
    objects: frozenset[str]
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record as it is in the store: since when, and the keys of its lists; None when it cannot be read."""

    key: str
    written: float
    lists: frozenset[str] | None


def put_list(store: ObjectStore, made: datetime, objects: Iterable[str]) -> str:
    """Condemn objects from now on; return the key of the list."""
    data = to_bytes(CondemnedList(made=made, objects=tuple(sorted(objects))))
    return _put(store, LISTS, made, data)


def put_record(store: ObjectStore, run: str, begun: datetime, lists: Iterable[str]) -> str:
    """Say that what these lists condemn may be deleted from now on; return the key of the record."""
    data = to_bytes(PruneRecord(run=run, begun=begun, lists=tuple(sorted(lists))))
    return _put(store, RECORDS, begun, data)


def read_lists(store: ObjectStore) -> Iterator[Listed]:
    """Yield every list, one in memory at a time."""
    for stored in store.list(LISTS):
        data = _bytes(store, stored)
        if data is not None:
            document = _read(store, CondemnedList, stored.key, data)
            named = document.objects if document else ()
            objects = frozenset(one for one in named if NAME.fullmatch(one))
            yield Listed(stored.key, stored.written, objects, document is not None)


def read_records(store: ObjectStore) -> Iterator[Recorded]:
    """Yield every record, those of prunes that died too."""
    for stored in store.list(RECORDS):
        data = _bytes(store, stored)
        if data is not None:
            document = _read(store, PruneRecord, stored.key, data)
            yield Recorded(stored.key, stored.written, frozenset(document.lists) if document else None)


def _put(store: ObjectStore, folder: str, time: datetime, data: bytes) -> str:
    key = folder + name_of(time, data, id_key(store))
    put_named(store, key, data, MAX_DOCUMENT)
    return key


def _bytes(store: ObjectStore, stored: Stored) -> bytes | None:
    """Return what is stored, None when it has gone meanwhile; nothing when it cannot be a document."""
    try:
        return store.get(stored.key, limit=MAX_DOCUMENT)
    except AbsentError:
        return None
    except DamagedError:
        return b""


def _read(store: ObjectStore, kind: type[DocumentT], key: str, data: bytes) -> DocumentT | None:
    name = parse_name(key.rpartition("/")[2])
    if name is None or name.id != digest(data, id_key(store)):
        return None
    try:
        return from_bytes(kind, data, key)
    except OpsError:
        return None
