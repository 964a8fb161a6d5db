"""Whether the disks have room for all that a restore lays beside the present data, before it begins."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.context import Context
from pipelines.ops.errors import RefusedError
from pipelines.ops.model import FaissSource, RedisSource, RestorePoint
from pipelines.ops.restore.target import Target

_SPARE = 1.2
"""Bytes of room asked for each byte written: logs, folders, and what a target takes in meanwhile."""


def check_for_folder(point: RestorePoint, into: Path) -> None:
    """Raise RefusedError unless plain files of the point fit where they are wanted."""
    _check([(into.parent, _size(point.redis) + _size(point.faiss))])


def check_for_stopped(work: Context, point: RestorePoint) -> None:
    """As above: the AOF is booted from the scratch folder, then laid beside the one that it replaces."""
    redis = _size(point.redis)
    _check([(work.scratch.root, redis), (work.data_dir, redis), *_documents(work, point)])


def check_for_running(work: Context, point: RestorePoint, target: Target | None, *, safety: bool) -> None:
    """As above: the point, what is read back from the target, and a copy of the present data.

    That copy is counted as large as the data is in memory; the file is mostly smaller.
    """
    wanted = [(work.scratch.root, 2 * _size(point.redis)), *_documents(work, point)]
    if safety:
        present = target.dataset if target else 0
        wanted.append((work.scratch.root, present + sum(_present_documents(work, point))))
    _check(wanted)


def _documents(work: Context, point: RestorePoint) -> Iterator[tuple[Path, int]]:
    """Documents are fetched into the scratch folder, from where they move: within one disk or to another."""
    size = _size(point.faiss)
    yield work.scratch.root, size
    if _device(work.scratch.root) != _device(work.data_dir):
        yield work.data_dir, size


def _present_documents(work: Context, point: RestorePoint) -> Iterator[int]:
    for facts in point.faiss.collections if point.faiss else ():
        collection = CollectionFolder(indexes_root(work.data_dir), facts.name)
        epoch = collection.read_pointer()
        if epoch is not None and collection.epoch_folder(epoch).is_dir():
            yield sum(path.stat().st_size for path in collection.epoch_folder(epoch).iterdir())


def _check(wanted: list[tuple[Path, int]]) -> None:
    """Add up what is wanted of each disk, and compare it with what is free there."""
    needed: dict[int, int] = defaultdict(int)
    places: dict[int, Path] = {}
    for place, size in wanted:
        device = _device(place)
        needed[device] += int(size * _SPARE)
        places.setdefault(device, place)
    for device, size in needed.items():
        free = shutil.disk_usage(_existing(places[device])).free
        if free < size:
            raise RefusedError(
                f"The disk of {places[device]} has {free} bytes free; this restore needs {size}.",
                "Free space there, or set SYNAPSE_SCRATCH_DIR to a folder on a disk with room.",
            )


def _size(source: RedisSource | FaissSource | None) -> int:
    return sum(entry.size for entry in source.files) if source else 0


def _device(place: Path) -> int:
    return _existing(place).stat().st_dev


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
