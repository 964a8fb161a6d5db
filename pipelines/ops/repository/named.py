"""The names of manifests and proofs: `<UTC time>-<BLAKE3>.json`, so that a name checks its content."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.store import KeyTakenError, ObjectStore

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{64})\.json")
_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class DocumentName:
    """What the name of a stored document says about it."""

    time: datetime
    id: str


def name_of(time: datetime, data: bytes, key: bytes | None = None) -> str:
    """Return the name of a document of that time, its hash keyed or not; names sort as their times do."""
    return f"{stamp(time)}-{digest(data, key)}.json"


def stamp(time: datetime) -> str:
    """Return a time as names hold it: `20260708T093011.123456Z`."""
    # The year by hand, because strftime pads it on some systems only.
    utc = time.astimezone(UTC)
    return f"{utc.year:04d}" + utc.strftime(_TIME.removeprefix("%Y"))


def put_named(store: ObjectStore, key: str, data: bytes, limit: int) -> None:
    """Store what is named by its content, and let it settle; twice is as once.

    KeyTakenError when the name has other bytes; `limit` is how many a document of its kind may have.
    """
    try:
        store.put(key, data)
    except KeyTakenError:
        if store.get(key, limit=limit) != data:
            raise
    store.settle([key])


def parse_name(name: str) -> DocumentName | None:
    """Return what a name says, or None when it is not one of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return DocumentName(datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), match[2])
    except ValueError:
        return None
