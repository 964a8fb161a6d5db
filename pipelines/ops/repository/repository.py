"""The repository: files in, restore points out, over any object store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from platform import node
from typing import BinaryIO, Self
from uuid import UUID, uuid4

from pipelines.ops.errors import NothingError, RefusedError
from pipelines.ops.model import FileEntry, Proof, RestorePoint
from pipelines.ops.repository import (
    checking,
    encryption,
    forgetting,
    points,
    proofs,
    resolving,
    restoring,
    storing,
)
from pipelines.ops.repository.caching import Cache
from pipelines.ops.repository.chunking import FastCdc
from pipelines.ops.repository.config import RepositoryConfig, check_same, read_config, write_config
from pipelines.ops.repository.folder import FolderStore
from pipelines.ops.repository.guarding import PACE, Pace, outlast_prunes
from pipelines.ops.repository.measuring import Stats, measure
from pipelines.ops.repository.needed import needed_by
from pipelines.ops.repository.passphrase import Passphrase
from pipelines.ops.repository.points import PointRef
from pipelines.ops.repository.preceding import preceding_points
from pipelines.ops.repository.proofs import Standing
from pipelines.ops.repository.pruning import Pruner, PruneReport
from pipelines.ops.repository.sealed import below, cuts, seen_alike
from pipelines.ops.repository.slots import About
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.storing import StoredFiles

Progress = Callable[[int], None]
"""Called now and then with the bytes done since its last call, from the thread that asked for the work."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Repository:
    """A store whose config has been read. It keeps no state, so any number of them may be used at once.

    Where the repository is encrypted, `store` is the one that seals and opens. `cache` is what a backup has
    near of a far one.
    """

    store: ObjectStore
    config: RepositoryConfig
    now: Callable[[], datetime] = _utc_now
    pace: Pace = PACE
    cache: Cache | None = None

    @classmethod
    def open(cls, store: ObjectStore, passphrase: Passphrase | None = None) -> Self:
        """Open what is there; `NothingError` when there is none, `RefusedError` when its format is newer.

        See `encryption.sealed` for what a passphrase, or none, is refused with.
        """
        config = read_config(store)
        return cls(encryption.sealed(store, config, passphrase), config)

    @classmethod
    def create(
        cls, store: ObjectStore, new_id: Callable[[], UUID] = uuid4, passphrase: Passphrase | None = None
    ) -> Self:
        """Make a repository, encrypted when there is a passphrase; `RefusedError` when there is one."""
        if passphrase is not None:
            about = About(name="first", host=node(), made=_utc_now())
            return cls(*encryption.create(store, new_id(), passphrase, about))
        config = RepositoryConfig(id=new_id())
        write_config(store, config)
        return cls(store, config)

    @classmethod
    def open_or_create(cls, store: ObjectStore, passphrase: Passphrase | None = None) -> Self:
        """Open the repository, making it first when there is none."""
        try:
            return cls.open(store, passphrase)
        except NothingError:
            pass
        try:
            return cls.create(store, passphrase=passphrase)
        except RefusedError:
            # Another process made it meanwhile.
            return cls.open(store, passphrase)

    def with_cache(self, folder: Path) -> Self:
        """Return the same, with a folder for what later backups compare with; of no use to a near store."""
        if self.store.near:
            return self
        near = seen_alike(self.store, FolderStore(folder / str(self.config.id)))
        return replace(self, cache=Cache(near))

    def check_writable(self) -> None:
        """Raise what storing would raise when nothing can be stored here now, such as on a read-only disk."""
        self.store.check_writable()

    def preceding(self, host: str) -> Iterator[RestorePoint]:
        """Yield backups not known to be damaged, newest first, those of the machine before others."""
        return preceding_points(self.store, self.load, self.standing, host)

    @property
    def compares(self) -> bool:
        """Tell whether chunks are compared with those of an earlier backup: what that has is near."""
        return self.store.near or self.cache is not None

    def has_all_of(self, entry: FileEntry) -> bool:
        """Tell whether every object of a file is there and can have its size."""
        return checking.has_all_of(self.store, entry)

    def store_files(
        self,
        files: Iterable[tuple[str, Path | BinaryIO]],
        progress: Progress | None = None,
        before: Mapping[str, FileEntry] | None = None,
    ) -> StoredFiles:
        """Store each (path, file) until its end, and return the entries in order, with what it took.

        An object that is there already is reused when its size is plausible; its bytes are not read again
        (`check_bytes` does that). Memory is bounded by some chunks per core. Nothing is visible before
        `publish`. `before` has for some paths the file as an earlier point of this repository has it: where
        the store is near, or there is a cache, a chunk that resembles one of that is stored as what it
        differs in.
        """
        return storing.store_files(
            self.store,
            FastCdc(cuts(self.store, self.config.chunker)),
            files,
            progress,
            before=before,
            cache=self.cache,
        )

    def publish(self, point: RestorePoint) -> PointRef:
        """Make a restore point visible, after looking that every object it names is there, and stays.

        Waits for a prune that may be deleting what it needs; see `guarding`. RefusedError when this is not
        the repository any more that was opened.
        """
        check_same(below(self.store), self.config)
        return points.publish(self.store, point, self.pace)

    def outlast_prunes(self, note: Callable[[str], None]) -> None:
        """Wait for prunes under way, so that a publication soon after need not; see `guarding`."""
        outlast_prunes(self.store, self.pace, note)

    def forget(self, ref: PointRef) -> None:
        """Remove a restore point and its proofs; its objects stay until a prune. Twice is as once."""
        forgetting.forget(self.store, ref)

    def prune(self, *, dry: bool = False, progress: Progress | None = None) -> PruneReport:
        """Delete what no point needs, in two passes a grace time apart; see `pruning`.

        `progress` is given counts of objects. With `dry` nothing is changed. Raises DamagedError when a
        manifest cannot be read. Memory: about 150 bytes for each object that points need, and 210 for each
        that is condemned.
        """
        pruner = Pruner(self.store, lambda: needed_by(self.points(), self.load), self.pace.times, self.now)
        return pruner.run(dry=dry, progress=progress or (lambda _objects: None))

    def stats(self, progress: Progress | None = None) -> Stats:
        """Return how much is stored and what for; `progress` is given counts of objects. See `Stats`."""
        return measure(self.store, self.points(), self.load, progress or (lambda _objects: None))

    def points(self) -> list[PointRef]:
        """Return every restore point, newest first; a damaged manifest is listed with its `problem`."""
        return points.list_points(self.store)

    def resolve(self, name: str) -> PointRef:
        """Return the point that `latest`, the beginning of an id, or of a UTC time means.

        `NothingError` when there is none, `UsageError` naming the candidates when there are several.
        """
        return resolving.resolve(self.points(), name, self.store.place, self.now())

    def load(self, ref: PointRef) -> RestorePoint:
        """Return the manifest of a point, checked against its id and every rule; `DamagedError` otherwise."""
        return points.load(self.store, ref)

    def read_file(self, entry: FileEntry, target: Path, progress: Progress | None = None) -> None:
        """Write one stored file to the new file `target`, as `restore_files` does."""
        wanted = [restoring.Wanted(target.name, entry)]
        restoring.restore_files(self.store, wanted, target.parent, progress)

    def restore_files(
        self, entries: Sequence[FileEntry], folder: Path, progress: Progress | None = None
    ) -> None:
        """Write stored files below a folder: new, for the owner alone, verified and synced.

        `DamagedError` names the object and the file. After an error the folder holds whole files only, but
        not all of them: it is the caller's to remove.
        """
        wanted = [restoring.Wanted(entry.path, entry) for entry in entries]
        restoring.restore_files(self.store, wanted, folder, progress)

    def check_present(self, point: RestorePoint) -> list[str]:
        """Return every problem that can be seen without reading objects (level 1)."""
        return checking.check_present(self.store, point)

    def check_bytes(
        self, point: RestorePoint, progress: Progress | None = None, right: set[bytes] | None = None
    ) -> list[str]:
        """Return every problem that can be seen by reading each byte (level 2).

        `right` is for several points in one go: what was found right for one is not read again for another.
        """
        return checking.check_bytes(self.store, point, progress, right)

    def add_proof(self, proof: Proof) -> None:
        """Keep the result of checking a point."""
        proofs.add_proof(self.store, proof)

    def keep_proofs(self, copy: ObjectStore, point_id: str) -> int:
        """Keep the proofs of a point that were made in a copy; return how many it has. See `proofs`."""
        return proofs.keep_proofs(self.store, seen_alike(self.store, copy), point_id)

    def proofs(self, point_id: str) -> list[Proof]:
        """Return the readable proofs of a point, newest last."""
        return proofs.list_proofs(self.store, point_id)

    def proof_problems(self, point_id: str) -> list[str]:
        """Return a sentence for each proof of a point that cannot be read."""
        return proofs.proof_problems(self.store, point_id)

    def standing(self, point_id: str) -> Standing:
        """Return what the newest proofs make of a point; see `Standing`."""
        return proofs.standing_of(self.store, point_id)
