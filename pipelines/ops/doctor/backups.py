"""The last good backup: there is one, it was proven, and it is not old."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red
from pipelines.ops.doctor.container_user import shut_out
from pipelines.ops.doctor.quantities import span
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.opening import opened
from pipelines.ops.repository import PointRef, Repository, Standing
from pipelines.ops.repository.resolving import AHEAD

_NAME = "last backup"
_OLD = timedelta(hours=26)
"""A daily backup with two hours to be late."""
_NOW = "Run `synapse backup`."


def look_at_backups(subject: Subject) -> Iterator[Finding]:
    """Judge the newest restore point that is a backup, and the last one that was proven."""
    try:
        repository = opened(subject.settings)
        refs = [ref for ref in repository.points() if ref.problem or ref.label == "backup"]
    except OpsError as error:
        remedy = _NOW if isinstance(error, NothingError) else error.hint
        yield shut_out(_NAME, subject, error) or red(_NAME, f"no backup can be seen: {error.what}", remedy)
        return
    if not refs:
        yield red(_NAME, f"there is no backup in {repository.store.place}", _NOW)
        return
    yield _newest(subject, repository, refs)
    damaged = [ref.short for ref in refs[1:] if ref.problem]
    if damaged:
        yield amber(
            "older backups",
            f"{len(damaged)} cannot be read: {', '.join(damaged)}",
            "Take them from a copy of the repository; `synapse verify --all` tells which others are bad.",
        )


def _newest(subject: Subject, repository: Repository, refs: Sequence[PointRef]) -> Finding:
    newest = refs[0]
    age = subject.now() - newest.time
    name = f"restore point {newest.short}, {span(age)} old,"
    standing = Standing.DAMAGED if newest.problem else repository.standing(newest.id)
    if standing is Standing.DAMAGED:
        problem = newest.problem or "its last check failed"
        return red(
            _NAME, f"{name} is damaged: {problem}", f"{_NOW} Then `synapse verify --all` for the older ones."
        )
    if -age > AHEAD:
        return red(
            _NAME,
            f"restore point {newest.short} was taken at {newest.time:%Y-%m-%d %H:%M}, which is still to come",
            "A clock was or is wrong: until then `latest` is refused, so name points by their id.",
        )
    if standing is Standing.UNPROVEN:
        return amber(
            _NAME,
            f"{name} is not proven; {_last_proven(subject, repository, refs[1:])}",
            "Run `synapse verify`.",
        )
    if age > _OLD:
        return amber(_NAME, f"{name} is proven, but older than {span(_OLD)}", _NOW)
    return green(_NAME, f"{name} is proven")


def _last_proven(subject: Subject, repository: Repository, refs: Sequence[PointRef]) -> str:
    for ref in refs:
        if not ref.problem and repository.standing(ref.id) is Standing.PROVEN:
            return f"the last one that is, {ref.short}, is {span(subject.now() - ref.time)} old"
    return "no other one is"
