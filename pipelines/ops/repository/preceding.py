"""The files that an earlier backup saved, by the names that they have now: what theirs are compared with."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from pipelines.ops.errors import OpsError
from pipelines.ops.model import FileEntry, RestorePoint
from pipelines.ops.repository.named import parse_name
from pipelines.ops.repository.points import FOLDER, PointRef
from pipelines.ops.repository.proofs import Standing
from pipelines.ops.repository.store import ObjectStore

_LOOKED_AT = 10
"""The newest points, at most, among which one is looked for."""
_NUMBER = re.compile(r"[0-9]+")


def preceding_points(
    store: ObjectStore,
    load: Callable[[PointRef], RestorePoint],
    standing: Callable[[str], Standing],
    host: str,
) -> Iterator[RestorePoint]:
    """Yield backups that are not known to be damaged, newest first: those of the machine, then others.

    Others too, since a container may have another name in every run; what resembles nothing is stored whole.
    """
    foreign = []
    for point in _newest(store, load, standing):
        if point.host == host:
            yield point
        else:
            foreign.append(point)
    yield from foreign


def _newest(
    store: ObjectStore, load: Callable[[PointRef], RestorePoint], standing: Callable[[str], Standing]
) -> Iterator[RestorePoint]:
    keys = sorted((stored.key for stored in store.list(FOLDER)), reverse=True)
    for key in islice(keys, _LOOKED_AT):
        name = parse_name(key.removeprefix(FOLDER))
        if name is None:
            continue
        try:
            point = load(PointRef(name.id, name.time, key))
            usable = standing(name.id) is not Standing.DAMAGED
        except OpsError:
            continue  # whatever it is, a backup does without it
        if usable and point.label == "backup":
            yield point


def matched(paths: Iterable[str], old: Sequence[FileEntry]) -> dict[str, FileEntry]:
    """Return for each path the old file of that name, else the one whose name differs in numbers alone."""
    by_path = {entry.path: entry for entry in old}
    shapes: dict[str, FileEntry | None] = {}
    for entry in old:
        shape = _NUMBER.sub("#", entry.path)
        shapes[shape] = None if shape in shapes else entry
    found = ((path, by_path.get(path) or shapes.get(_NUMBER.sub("#", path))) for path in paths)
    return {path: entry for path, entry in found if entry is not None}
