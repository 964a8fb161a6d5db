"""Restores: none was interrupted."""

from collections.abc import Iterator

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red
from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore.locking import HangingError, one_restore

_NAME = "restore"


def look_at_restores(subject: Subject) -> Iterator[Finding]:
    """Look for a journal, and for whoever is working on it."""
    data_dir = subject.settings.service.data_dir
    try:
        journal = journals.read(data_dir)
    except OpsError as error:
        yield red(_NAME, error.what, error.hint)
        return
    if journal is None:
        yield green(_NAME, "no restore was interrupted")
        return
    also = " (or `synapse up`)" if subject.settings.stack == "local" else ""
    try:
        with one_restore(data_dir):
            yield red(
                _NAME,
                f"a restore of point {journal.point[:12]} was interrupted: the backend takes no writes",
                f"Run `synapse verify --level 1`{also}: it is finished or undone first.",
            )
    except HangingError as error:
        yield red(_NAME, error.what, error.hint)
    except RefusedError:
        yield amber(
            _NAME, f"a restore of point {journal.point[:12]} is running now", "Wait until it has ended."
        )
