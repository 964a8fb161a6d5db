"""Find out what a repository has lost, and keep the rest: take it from a copy, or let it come anew.

Nothing that is whole is ever removed, so repair may die at any moment, and is run again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from pipelines.ops.context import software
from pipelines.ops.errors import DamagedError, NothingError, OpsError, RefusedError
from pipelines.ops.model import Proof, RestorePoint
from pipelines.ops.reporting import Reporter
from pipelines.ops.repository import PointRef, Repository, Standing
from pipelines.ops.repository.documents import digest
from pipelines.ops.repository.losing import (
    Looked,
    Loss,
    look_at_objects,
    loss_of,
    obtainable,
    remove,
    strays,
    take,
)
from pipelines.ops.repository.named import parse_name
from pipelines.ops.repository.objects import object_key, terse
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.points import FOLDER, MAX_MANIFEST, manifest_of, objects_of
from pipelines.ops.repository.sealed import id_key
from pipelines.ops.repository.store import ArchivedError

_NAMED = 20
"""Problems in the proof of a broken point, at most."""


class Kind(StrEnum):
    """Why a manifest cannot be used; only a `DAMAGED` one is lost."""

    DAMAGED = "damaged"
    NEWER = "newer"
    ARCHIVED = "archived"
    MISNAMED = "misnamed"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that cannot be used; `point` is what a copy says that it is."""

    ref: PointRef
    kind: Kind
    point: RestorePoint | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A point that cannot be restored whole, the objects that it has lost, and files that need them."""

    ref: PointRef
    objects: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is lost: `found` are the objects of it that a copy has, `broken` the points that this leaves.

    `mended` are the points that become whole by what the copy has.
    """

    objects: int
    losses: tuple[Loss, ...]
    found: frozenset[str]
    manifests: tuple[Manifest, ...]
    broken: tuple[Broken, ...]
    mended: tuple[PointRef, ...]
    strays: tuple[str, ...]

    @property
    def removable(self) -> tuple[Loss, ...]:
        """What is to be deleted, so that it can come anew."""
        return tuple(one for one in self.losses if one.removable and one.identity not in self.found)

    @property
    def hopeless(self) -> tuple[Manifest, ...]:
        """The manifests that are lost, and that no copy has."""
        return tuple(one for one in self.manifests if one.kind is Kind.DAMAGED and one.point is None)

    @property
    def whole(self) -> bool:
        """Tell whether there is nothing to repair."""
        return not self.losses and all(one.kind is Kind.NEWER for one in self.manifests)

    @property
    def taken(self) -> bool:
        """Tell whether there is anything to take from a copy."""
        return bool(self.found) or any(one.point for one in self.manifests)


@dataclass(slots=True)
class Done:
    """What was done: ids of objects, keys of manifests and points."""

    taken: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)


def find(repository: Repository, *, other: Repository | None, quick: bool, reporter: Reporter) -> Findings:
    """Look at every manifest and every object, and at what a copy has of those that are lost.

    With `quick` objects are not read. Raises RefusedError when the copy has other ids.
    """
    if other and id_key(other.store) != id_key(repository.store):
        raise RefusedError(
            f"{other.store.place} calls its objects otherwise, so none can be taken from there.",
            "Repair without it; then run `synapse copy` from there to here: it lays what is missing anew.",
        )
    refs = repository.points()
    manifests = tuple(_judged(repository, other, ref) for ref in refs if ref.problem)
    points = [ref for ref in refs if not ref.problem]
    needed: set[bytes] = set()
    for _, used in _used(repository, points, manifests):
        needed |= {terse(identity) for identity in used}
    looked = _looked(repository, needed, quick=quick, reporter=reporter)
    # What the store has only moved is not lost, and no reason to give a point up.
    lost = {one.identity for one in looked.losses if not one.archived}
    found = _found(other, looked, reporter)
    broken, mended = [], [one.ref for one in manifests if one.point]
    for ref, used in _used(repository, points, manifests):
        gone = [identity for identity in used if identity in lost - found]
        if gone:
            files = sorted({name for identity in gone for name in used[identity]})
            broken.append(Broken(ref, tuple(gone), tuple(files)))
        elif not lost.isdisjoint(used):
            mended.append(ref)
    hurt = {one.ref.key for one in broken}
    whole = {ref.key: ref for ref in mended if ref.key not in hurt}
    return Findings(
        looked.objects,
        looked.losses,
        found,
        manifests,
        tuple(broken),
        tuple(whole.values()),
        tuple(strays(repository.store)),
    )


def carry_out(  # each by its name
    repository: Repository,
    findings: Findings,
    *,
    other: Repository | None,
    forget: bool,
    quick: bool,
    reporter: Reporter,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Done:
    """Take what the copy has, delete what is rotten, and forget, or mark as damaged, what is then broken."""
    done = Done()
    if other and findings.taken:
        with reporter.step("Take what the copy has", total=len(findings.found), unit="objects") as advance:
            _take(repository, other, findings, done, advance)
    for loss in findings.removable:
        if remove(repository.store, loss):
            done.removed.add(loss.identity)
    for one in findings.broken:
        if not _still_broken(repository, one):
            continue
        if forget:
            repository.forget(one.ref)
            done.forgotten.add(one.ref.key)
        else:
            _mark(repository, one, now(), quick=quick)
    for manifest in findings.hopeless if forget else ():
        if _kind(repository, manifest.ref) is Kind.DAMAGED:
            repository.forget(manifest.ref)
            done.forgotten.add(manifest.ref.key)
    return done


def _judged(repository: Repository, other: Repository | None, ref: PointRef) -> Manifest:
    kind = _kind(repository, ref) or Kind.DAMAGED
    if other is None or kind is Kind.NEWER:
        return Manifest(ref, kind)
    try:
        return Manifest(ref, kind, manifest_of(other.store, ref.key)[1])
    except (DamagedError, NothingError, RefusedError):
        return Manifest(ref, kind)


def _kind(repository: Repository, ref: PointRef) -> Kind | None:
    """Say what is wrong with a manifest; None when it is right, or has gone meanwhile."""
    try:
        repository.load(ref)
    except RefusedError:
        return Kind.NEWER
    except ArchivedError:
        return Kind.ARCHIVED
    except DamagedError:
        return Kind.MISNAMED if _misnamed(repository, ref) else Kind.DAMAGED
    except NothingError:
        return None
    return None


def _misnamed(repository: Repository, ref: PointRef) -> bool:
    """Tell whether it has no name of a manifest, or its bytes are right and only its time is not."""
    name = parse_name(ref.key.removeprefix(FOLDER))
    if name is None:
        return True
    try:
        data = repository.store.get(ref.key, limit=MAX_MANIFEST)
    except OpsError:
        return False
    return digest(data, id_key(repository.store)) == name.id


def _used(
    repository: Repository, points: Iterable[PointRef], manifests: Iterable[Manifest]
) -> Iterator[tuple[PointRef, dict[str, list[str]]]]:
    """Yield what each point needs, those too whose manifest a copy has."""

    def read(ref: PointRef) -> RestorePoint | None:
        try:
            return repository.load(ref)
        except NothingError:
            return None  # forgotten meanwhile

    listed = list(points)
    with closing(in_order(read, listed)) as loaded:
        for ref, point in zip(listed, loaded, strict=True):
            if point is not None:
                yield ref, objects_of(point)
    for one in manifests:
        if one.point is not None:
            yield one.ref, objects_of(one.point)


def _looked(repository: Repository, needed: set[bytes], *, quick: bool, reporter: Reporter) -> Looked:
    store = repository.store
    if quick:
        with reporter.step("Look at every object", unit="objects") as advance:
            return look_at_objects(store, needed, quick=True, progress=advance)
    total = sum(stored.size for stored in store.list("objects/"))
    with reporter.step("Read every object", total=total) as advance:
        return look_at_objects(store, needed, quick=False, progress=advance)


def _found(other: Repository | None, looked: Looked, reporter: Reporter) -> frozenset[str]:
    if other is None or not looked.losses:
        return frozenset()
    with reporter.step("Look into the copy", total=len(looked.losses), unit="objects") as advance:
        found = set()
        answers = in_order(lambda one: obtainable(other.store, one), looked.losses, other.store.lanes)
        for loss, there in zip(looked.losses, answers, strict=True):
            advance(1)
            if there:
                found.add(loss.identity)
        return frozenset(found)


def _take(
    repository: Repository,
    other: Repository,
    findings: Findings,
    done: Done,
    advance: Callable[[int], None],
) -> None:
    """Objects first: a manifest that appears must not name what is not there, where it can be had."""
    wanted = [one for one in findings.losses if one.identity in findings.found]
    with closing(
        in_order(lambda one: take(repository.store, other.store, one), wanted, other.store.lanes)
    ) as answers:
        for loss, there in zip(wanted, answers, strict=True):
            advance(1)
            if there:
                done.taken.add(loss.identity)
    repository.store.settle(object_key(identity) for identity in done.taken)
    for manifest in findings.manifests:
        if manifest.point is not None:
            data, _ = manifest_of(other.store, manifest.ref.key)
            repository.store.put(manifest.ref.key, data, replace=True)
            repository.store.settle([manifest.ref.key])
            done.taken.add(manifest.ref.key)


def _still_broken(repository: Repository, one: Broken) -> bool:
    """Look again: a backup may have laid an object anew since."""
    return any(loss_of(repository.store, identity, needed=True) for identity in one.objects)


def _mark(repository: Repository, one: Broken, now: datetime, *, quick: bool) -> None:
    """Lay a failed proof beside the point, so that nobody takes it for good; once."""
    if repository.standing(one.ref.id) is Standing.DAMAGED:
        return
    problems = [f"{name} needs an object that is lost." for name in one.files[:_NAMED]]
    repository.add_proof(
        Proof(
            point=one.ref.id,
            level=1 if quick else 2,
            good=False,
            started=now,
            seconds=0.0,
            software=software(),
            problems=tuple(problems),
        )
    )
