"""The repository: can be opened and written, and lies on another disk than the data."""

from collections.abc import Iterator

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.disks import writable
from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.repository import FolderStore, Repository

_DISK = "repository disk"


def look_at_repository(subject: Subject) -> Iterator[Finding]:
    """Look at the folder of the restore points."""
    folder = subject.settings.repository
    try:
        Repository.open(FolderStore(folder))
    except NothingError as error:
        remedy = f"Run `synapse backup`, or set {subject.repository_variable} to where it is."
        yield red("repository", error.what, remedy)
        yield skipped(_DISK, "there is no repository")
        return
    except OpsError as error:
        yield red("repository", error.what, error.hint)
        yield skipped(_DISK, "the repository cannot be opened")
        return
    yield writable("repository", folder, subject.repository_variable)
    yield _disk(subject)


def _disk(subject: Subject) -> Finding:
    data, folder = subject.settings.service.data_dir, subject.settings.repository
    if not data.exists():
        return skipped(_DISK, f"there is no data in {data}")
    if data.stat().st_dev == folder.stat().st_dev:
        return amber(
            _DISK,
            f"{folder} is on the same disk as the data: one broken disk takes both",
            f"Set {subject.repository_variable} to a folder of another disk, or copy it elsewhere.",
        )
    return green(_DISK, f"{folder} is on another disk than the data")
