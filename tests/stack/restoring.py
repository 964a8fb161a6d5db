"""A restore in a container of its own, met at a stage that its journal tells."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.ops.restore import journal as journals
from pipelines.ops.restore.journal import Journal
from tests.stack.begun import Begun, gone_afterwards
from tests.stack.deployment import Deployment


class Restoring(Begun):
    """A restore of a point."""

    def __init__(self, stack: Deployment, point: str) -> None:
        super().__init__(stack, "restore", point, "--yes")

    def journal(self) -> Journal | None:
        """Return the journal of the data folder."""
        return journals.read(self.stack.folder / "data")


@contextmanager
def restoring(stack: Deployment, point: str = "latest") -> Iterator[Restoring]:
    """Begin a restore; its container is gone when the block ends."""
    restore = Restoring(stack, point)
    with gone_afterwards(restore):
        yield restore
