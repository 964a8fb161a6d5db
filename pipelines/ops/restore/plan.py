"""What a restore would change, worked out before it changes anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, NothingError, OpsError, RefusedError, UnreachableError
from pipelines.ops.model import RedisSource, RestorePoint
from pipelines.ops.redis.boot import program_for
from pipelines.ops.redis.connection import named
from pipelines.ops.redis.facts import ServerVersion
from pipelines.ops.redis.reach import on_this_machine
from pipelines.ops.repository import PointRef, Standing
from pipelines.ops.restore import room
from pipelines.ops.restore.backend import check_admitted
from pipelines.ops.restore.claim import check_free
from pipelines.ops.restore.into_folder import check_folder
from pipelines.ops.restore.redis_running import listens, look_at
from pipelines.ops.restore.target import Target, warnings
from pipelines.ops.restore.unkept import unkept

Kind = Literal["running", "stopped", "folder"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be replaced: what is there now and what would be."""

    what: str
    now: str
    then: str


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """A restore before it is done.

    `safety` says whether a safety point will be kept first, `warnings` what speaks for a second look.
    """

    kind: Kind
    target: str
    ref: PointRef
    point: RestorePoint
    standing: Standing
    changes: tuple[Change, ...]
    safety: bool
    warnings: tuple[str, ...] = ()


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
    safety = kind == "running" and not force
    if safety:
        _check_safety(work)
    if into is not None:
        check_folder(into)
        room.check_for_folder(point, into)
    else:
        _check_place(work)
        _check_room(work, point, target, kind, safety=safety)
        if kind == "running" and point.faiss is not None:
            check_admitted(work)
    return RestorePlan(
        kind=kind,
        target=str(into) if into else str(work.data_dir),
        ref=ref,
        point=point,
        standing=work.repository.standing(ref.id),
        changes=tuple(_changes(work, point, target)) if kind != "folder" else (),
        safety=safety,
        warnings=tuple(warnings(target)) if target else (),
    )


def _target(work: Context, point: RestorePoint, into: Path | None) -> tuple[Kind, Target | None]:
    if into is not None:
        return "folder", None
    address = work.settings.redis
    if not listens(address):
        if point.redis is not None:
            if not on_this_machine(address):
                raise UnreachableError(
                    f"Nobody answers at {named(address)}, and a stopped Redis is restored where it ran.",
                    "Start it, run the restore there, or write plain files with --into FOLDER.",
                )
            _check_kept_here(work)
            _check_version(work, point.redis, None)
        return "stopped", None
    if point.redis is None:
        return "running", None
    check_free(address)
    target = look_at(address, point.redis)
    _check_version(work, point.redis, target.version)
    return "running", target


def _check_kept_here(work: Context) -> None:
    """Refuse when there are documents, and a Redis that is stopped just now keeps its data elsewhere.

    It would come back with what it had, beside documents that are not of that moment.
    """
    folder, root = work.settings.redis_folder, indexes_root(work.data_dir)
    used = root.is_dir() and any(CollectionFolder(root, one.name).epochs() for one in root.iterdir())
    if used and not folder.exists():
        raise RefusedError(
            f"{named(work.settings.redis)} does not answer, and what it keeps beside these documents is not"
            f" in {folder}.",
            "Start it (`synapse up`, or the server that REDIS_HOST and REDIS_PORT name), then run the restore"
            " again.",
        )


def _check_version(work: Context, source: RedisSource, target: ServerVersion | None) -> None:
    """Refuse a point that no server here can load and hand to the target."""
    try:
        program_for(source, work.scratch, master_of=target)
    except NothingError as error:
        raise RefusedError(error.what, error.hint) from error


def _check_safety(work: Context) -> None:
    """Refuse before the pause what would fail in it."""
    with unkept(OpsError, RefusedError):
        work.repository.check_writable()


def _check_room(
    work: Context, point: RestorePoint, target: Target | None, kind: Kind, *, safety: bool
) -> None:
    if kind == "running":
        room.check_for_running(work, point, target, safety=safety)
    else:
        room.check_for_stopped(work, point)


def _check_place(work: Context) -> None:
    place = work.settings.repository
    if not isinstance(place, Path):
        return
    repository = place.absolute()
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
