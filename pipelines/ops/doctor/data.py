"""The data folder: there, writable, with room."""

from collections.abc import Iterator

from pipelines.ops.doctor.check import Finding, Subject, red
from pipelines.ops.doctor.disks import writable


def look_at_data(subject: Subject) -> Iterator[Finding]:
    """Look at DATA_DIR."""
    folder = subject.settings.service.data_dir
    if folder.is_dir():
        yield writable("data folder", folder, "DATA_DIR", subject)
    else:
        maker = "make secrets" if subject.settings.stack == "compose" else subject.start
        yield red(
            "data folder",
            f"{folder} is not there" if not folder.exists() else f"{folder} is no folder",
            f"Set DATA_DIR to the folder of the data; `{maker}` makes a new one.",
        )
