"""What a restore would change, worked out before it changes anything."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, RefusedError
from pipelines.ops.model import RestorePoint
from pipelines.ops.redis.boot import program_for
from pipelines.ops.repository import PointRef, Standing
from pipelines.ops.restore.redis_running import look_at, reachable
from pipelines.ops.restore.target import Target

Kind = Literal["running", "stopped", "folder"]
_ROOM = 1.2
"""Bytes needed of each byte restored: the files and what a scratch server adds to them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be replaced: what is there now and what would be."""

    what: str
    now: str
    then: str


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """A restore before it is done; `safety` says whether a safety point will be kept first."""

    kind: Kind
    target: str
    ref: PointRef
    point: RestorePoint
    standing: Standing
    changes: tuple[Change, ...]
    safety: bool


def make_plan(
    work: Context, ref: PointRef, point: RestorePoint, *, into: Path | None, force: bool
) -> RestorePlan:
    """Look at the point and the target, and refuse what cannot go well. Changes nothing.

    Raises RefusedError (space, version, place), DamagedError (objects missing), UnreachableError.
    """
    problems = work.repository.check_present(point)
    if problems:
        raise DamagedError(problems[0], "Use another restore point, or `synapse verify` for the whole list.")
    kind, target = _target(work, point, into)
    _check_room(work, point, into)
    if kind != "folder":
        _check_place(work)
    return RestorePlan(
        kind=kind,
        target=str(into) if into else str(work.data_dir),
        ref=ref,
        point=point,
        standing=work.repository.standing(ref.id),
        changes=tuple(_changes(work, point, target)) if kind != "folder" else (),
        safety=kind == "running" and not force,
    )


def _target(work: Context, point: RestorePoint, into: Path | None) -> tuple[Kind, Target | None]:
    if into is not None:
        return "folder", None
    address = work.settings.redis
    if not reachable(address):
        if point.redis is not None:
            program_for(point.redis, work.scratch)
        return "stopped", None
    if point.redis is None:
        return "running", None
    target = look_at(address, point.redis)
    program_for(point.redis, work.scratch, master_of=target.version)
    return "running", target


def _check_room(work: Context, point: RestorePoint, into: Path | None) -> None:
    size = sum(entry.size for source in (point.redis, point.faiss) if source for entry in source.files)
    places = {_existing(into.parent)} if into else {_existing(work.scratch.root), _existing(work.data_dir)}
    for place in sorted(places):
        free = shutil.disk_usage(place).free
        if free < size * _ROOM:
            raise RefusedError(
                f"{place} has {free} bytes free; this restore needs {int(size * _ROOM)}.",
                "Free space there, or set SYNAPSE_SCRATCH_DIR and DATA_DIR to disks with room.",
            )


def _check_place(work: Context) -> None:
    repository = work.settings.repository.absolute()
    for replaced in (work.settings.redis_folder.absolute(), indexes_root(work.data_dir).absolute()):
        if repository == replaced or replaced in repository.parents:
            raise RefusedError(
                f"The repository {repository} lies inside {replaced}, which the restore replaces.",
                "Move the repository out of the data, and set SYNAPSE_REPOSITORY to it.",
            )


def _changes(work: Context, point: RestorePoint, target: Target | None) -> Iterator[Change]:
    if point.redis is not None:
        keys = sum(count.keys for count in (point.redis.databases or {}).values())
        now = f"{target.keys} keys, {target.version}" if target else _stopped_redis(work)
        then = f"{keys} keys" if point.redis.databases is not None else "keys not counted"
        yield Change("Redis", now, f"{then}, from {point.redis.server} {point.redis.version}")
    for facts in point.faiss.collections if point.faiss else ():
        collection = CollectionFolder(indexes_root(work.data_dir), facts.name)
        epoch = collection.read_pointer()
        yield Change(
            f"collection {facts.name}",
            f"epoch {epoch[:12]}" if epoch else "nothing",
            f"{facts.documents} documents, {facts.passages} passages, a new epoch",
        )


def _stopped_redis(work: Context) -> str:
    folder = work.settings.redis_folder
    return f"a stopped server's data in {folder}" if folder.exists() else "nothing"


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
