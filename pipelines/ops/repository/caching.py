"""A folder near a far repository: what later backups compare with, so that nobody has to fetch it.

It holds objects as the repository does, sealed where that is. All of it can be lost at any time: then chunks
are stored whole again. Nothing is proven or restored from it.
"""

from collections.abc import Iterable
from contextlib import suppress

from pipelines.ops.errors import OpsError
from pipelines.ops.model import RestorePoint
from pipelines.ops.repository.objects import identity_of, object_key, pack
from pipelines.ops.repository.points import objects_of
from pipelines.ops.repository.store import ObjectStore


class Cache:
    """What is kept near; a folder that cannot be written to keeps nothing, and nothing fails for it."""

    def __init__(self, near: ObjectStore) -> None:
        self.near = near

    def keep(self, name: str, packed: bytes) -> None:
        """Keep an object that was stored."""
        with suppress(OpsError):
            self.near.put(object_key(name), packed, replace=True)

    def keep_whole(self, name: str, chunk: bytes) -> None:
        """Keep an object that stands alone and was found in the repository, unless it is here."""
        with suppress(OpsError):
            if self.near.size(object_key(name)) is None:
                self.keep(name, pack(chunk))

    def drop(self, name: str) -> None:
        """Remove what has turned out to be something else."""
        with suppress(OpsError):
            self.near.delete(object_key(name))

    def trim(self, points: Iterable[RestorePoint]) -> None:
        """Remove what none of these points needs."""
        needed = {object_key(name) for point in points for name in objects_of(point)}
        with suppress(OpsError):
            for key in [stored.key for stored in self.near.list("objects/")]:
                if identity_of(key) is not None and key not in needed:
                    self.near.delete(key)
