"""The repository: can be opened and written, and lies on another disk than the data."""

from collections.abc import Iterator
from pathlib import Path

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.container_user import shut_out
from pipelines.ops.doctor.disks import writable
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.opening import opened
from pipelines.ops.repository import ObjectStore, store_at

_DISK = "repository disk"


def look_at_repository(subject: Subject) -> Iterator[Finding]:
    """Look at the place of the restore points."""
    place = subject.settings.repository
    try:
        store = store_at(place)
        opened(subject.settings, store=store)
    except NothingError as error:
        remedy = f"Run `synapse backup`, or set {subject.repository_variable} to where it is."
        yield red("repository", error.what, remedy)
        yield skipped(_DISK, "there is no repository")
        return
    except OpsError as error:
        yield shut_out("repository", subject, error) or red("repository", error.what, error.hint)
        yield skipped(_DISK, "the repository cannot be opened")
        return
    if isinstance(place, Path):
        yield writable("repository", place, subject.repository_variable, subject)
        yield _disk(subject, place)
    else:
        yield _written(store)
        yield green(_DISK, f"{store.place} is no disk of this machine")


def _written(store: ObjectStore) -> Finding:
    try:
        store.check_writable()
    except OpsError as error:
        return red("repository", error.what, error.hint)
    return green("repository", f"{store.place} can be written")


def _disk(subject: Subject, folder: Path) -> Finding:
    data = subject.settings.service.data_dir
    if not data.exists():
        return skipped(_DISK, f"there is no data in {data}")
    if data.stat().st_dev == folder.stat().st_dev:
        return amber(
            _DISK,
            f"{folder} is on the same disk as the data: one broken disk takes both",
            f"Set {subject.repository_variable} to a folder of another disk, or copy it elsewhere.",
        )
    return green(_DISK, f"{folder} is on another disk than the data")
