"""Restore points: published last, listed with what is damaged, found by name, read with every check."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipelines.ops.errors import DamagedError, NothingError, RefusedError, UsageError
from pipelines.ops.model import FORMAT_ANCHORED, FileEntry, RestorePoint, format_of
from pipelines.ops.repository.config import MAX_CHUNK
from pipelines.ops.repository.documents import digest, from_bytes, to_bytes
from pipelines.ops.repository.guarding import Pace, guarded
from pipelines.ops.repository.named import name_of, parse_name, put_named
from pipelines.ops.repository.objects import ID, NAME, has_anchors, object_key, plausible
from pipelines.ops.repository.parallel import DOCUMENTS, in_order
from pipelines.ops.repository.paths import clash, path_problem
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import AbsentError, ObjectStore, Stored

FOLDER = "points/"
MAX_MANIFEST = 64 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class PointRef:
    """A restore point in a listing: `time` is its start, `size` in bytes of its files, `seconds` it took.

    When `problem` is set the manifest cannot be trusted, and what it would have said is empty.
    """

    id: str
    time: datetime
    key: str
    label: Literal["backup", "safety", "import"] | None = None
    host: str = ""
    sources: tuple[str, ...] = ()
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    problem: str | None = None

    @property
    def short(self) -> str:
        """The first digits of the id, as a person types them."""
        return self.id[:12]


def files_of(point: RestorePoint) -> Iterator[tuple[str, FileEntry]]:
    """Yield each file with what a message calls it: `redis: appendonlydir/…`."""
    for name, source in (("redis", point.redis), ("faiss", point.faiss)):
        for entry in source.files if source else ():
            yield f"{name}: {entry.path}", entry


def objects_of(point: RestorePoint) -> dict[str, list[str]]:
    """Return the name of each object that a point needs, anchors too, with the files that need it."""
    used: dict[str, list[str]] = {}
    for name, entry in files_of(point):
        for identity in dict.fromkeys((*entry.objects, *entry.anchors)):
            used.setdefault(identity, []).append(name)
    return used


def publish(store: ObjectStore, point: RestorePoint, pace: Pace) -> PointRef:
    """Write the manifest, after every object that it names is there to stay; twice is as once."""
    data = to_bytes(point)
    problem = _problem(point, data)
    if problem:
        raise UsageError(f"This restore point cannot be published: {problem}.", "Correct what made it.")
    used = objects_of(point)
    held = guarded(store, used, pace)
    keys = [object_key(identity) for identity in used]
    for key, size in zip(keys, in_order(store.size, keys, store.glances), strict=True):
        if not plausible(size):
            raise DamagedError(
                f"{key} is not in {store.place}, but this backup needs it.", "Run the backup again."
            )
    store.settle(keys)
    key = FOLDER + name_of(point.started, data, id_key(store))
    new = store.size(key) is None
    held.check_time()
    put_named(store, key, data, MAX_MANIFEST)
    held.check_published(key, new=new)
    return _described(point, key, digest(data, id_key(store)))


def list_points(store: ObjectStore) -> list[PointRef]:
    """Return every restore point, newest first; a damaged one has its `problem`, and hides no other."""
    lanes = min(store.lanes, DOCUMENTS)
    found = in_order(lambda stored: _looked_at(store, stored), store.list(FOLDER), lanes)
    return sorted((ref for ref in found if ref), key=lambda ref: (ref.time, ref.key), reverse=True)


def load(store: ObjectStore, ref: PointRef) -> RestorePoint:
    """Return the manifest, checked against its id, its time and every rule of the format."""
    try:
        data = store.get(ref.key, limit=MAX_MANIFEST)
    except AbsentError as error:
        raise NothingError(
            f"Restore point {ref.short} is no longer in {store.place}.", "List the points."
        ) from error
    return _parse(store, ref.key, data)


def manifest_of(store: ObjectStore, key: str) -> tuple[bytes, RestorePoint]:
    """Return a manifest as it is stored, and what it says, checked as `load` does; or raise AbsentError."""
    data = store.get(key, limit=MAX_MANIFEST)
    return data, _parse(store, key, data)


def _looked_at(store: ObjectStore, stored: Stored) -> PointRef | None:
    key = stored.key
    name = parse_name(key.removeprefix(FOLDER))
    try:
        data = store.get(key, limit=MAX_MANIFEST)
        point = _parse(store, key, data)
    except AbsentError:
        return None
    except (DamagedError, RefusedError) as error:
        identity, time = (name.id, name.time) if name else (key.removeprefix(FOLDER), _UNKNOWN_TIME)
        return PointRef(identity, time, key, problem=error.what)
    return _described(point, key, digest(data, id_key(store)))


def _parse(store: ObjectStore, key: str, data: bytes) -> RestorePoint:
    called = f"The manifest {key} in {store.place}"
    hint = "Name another restore point, or take this one from a copy of the repository."
    name = parse_name(key.removeprefix(FOLDER))
    if name is None:
        raise DamagedError(f"{called} is not named as a manifest is.", hint)
    if digest(data, id_key(store)) != name.id:
        raise DamagedError(f"{called} has other bytes than its name says.", hint)
    point = from_bytes(RestorePoint, data, called, known=FORMAT_ANCHORED)
    problem = _problem(point, data)
    if problem:
        raise DamagedError(f"{called} cannot be used: {problem}.", hint)
    if point.started != name.time:
        raise DamagedError(f"{called} was made at {point.started.isoformat()}, not when its name says.", hint)
    return point


def _problem(point: RestorePoint, data: bytes) -> str | None:
    if len(data) > MAX_MANIFEST:
        return f"its manifest has {len(data)} bytes, more than {MAX_MANIFEST}"
    if point.format != format_of(entry for _, entry in files_of(point)):
        return "it has anchors in format 1, or none in format 2"
    if point.started.tzinfo is None or point.finished.tzinfo is None:
        return "a time has no time zone"
    for source in (point.redis, point.faiss):
        taken = clash(entry.path for entry in source.files) if source else None
        if taken is not None:
            return f"the path {taken!r} is there twice, or is also a folder"
    return next(filter(None, (_entry_problem(name, entry) for name, entry in files_of(point))), None)


def _entry_problem(name: str, entry: FileEntry) -> str | None:
    said = path_problem(entry.path)
    if said:
        return f"the path {name!r} {said}"
    if not _SHA256.fullmatch(entry.sha256):
        return f"{name!r} has no SHA-256"
    names, anchors = all(map(NAME.fullmatch, entry.objects)), all(map(ID.fullmatch, entry.anchors))
    if not names or not anchors:
        return f"{name!r} names an object that cannot exist"
    if any(map(has_anchors, entry.objects)) != bool(entry.anchors):
        return f"{name!r} has anchors that no object of it has, or lacks those that one has"
    if not len(entry.objects) <= entry.size <= len(entry.objects) * MAX_CHUNK:
        return f"{name!r} cannot have {entry.size} bytes in {len(entry.objects)} objects"
    return None


def _described(point: RestorePoint, key: str, identity: str) -> PointRef:
    sizes: Sequence[int] = [entry.size for _, entry in files_of(point)]
    return PointRef(
        id=identity,
        time=point.started,
        key=key,
        label=point.label,
        host=point.host,
        sources=tuple(name for name in ("redis", "faiss") if getattr(point, name) is not None),
        files=len(sizes),
        size=sum(sizes),
        seconds=(point.finished - point.started).total_seconds(),
    )
