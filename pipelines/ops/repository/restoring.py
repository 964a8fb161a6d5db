"""Write stored files to their places: chunks verified in parallel, then each file as a whole."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import FileEntry
from pipelines.ops.repository import beneath
from pipelines.ops.repository.objects import ObjectDamagedError, read_object
from pipelines.ops.repository.parallel import in_order
from pipelines.ops.repository.paths import clash, path_problem
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.sums import Sums

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stored file and the path below the target folder where it is wanted."""

    path: str
    entry: FileEntry


@dataclass(slots=True)
class _Place:
    """A file while it is written."""

    entry: FileEntry
    file: int
    beside: Sums
    size: int = 0
    sums: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= self.entry.size:
            self.beside.take(self.sums, chunk)
            beneath.write_all(self.file, chunk)

    def check(self, place: str) -> None:
        self.beside.wait()
        if self.size != self.entry.size or self.sums.hexdigest() != self.entry.sha256:
            raise DamagedError(
                f"{self.entry.path} from {place} is not what was saved: its size or SHA-256 differs.",
                "Restore another point.",
            )


def restore_files(
    store: ObjectStore, files: Sequence[Wanted], folder: Path, progress: Progress | None = None
) -> None:
    """Write the files below a folder; see `Repository.restore_files`."""
    paths = [file.path for file in files]
    _check_paths(paths)
    pieces = ((file.entry, one) for file in files for one in file.entry.objects)
    chunks = in_order(lambda piece: _fetch(store, *piece), pieces, store.lanes)
    try:
        with closing(Sums()) as sums, closing(chunks), beneath.opened_folder(folder, create=True):

            def fill(entry: FileEntry, file: int) -> None:
                _fill(_Place(entry, file, sums), chunks, store.place, progress)

            # The disk syncs files that are done while the next are written.
            written = _write(files, folder, fill)
            for _ in in_order(lambda path: _sync_file(folder, path), written):
                pass
        _sync_folders(paths, folder)
    except OSError as error:
        raise _sentence(error, folder) from error


def _write(files: Iterable[Wanted], folder: Path, fill: Callable[[FileEntry, int], None]) -> Iterator[str]:
    for wanted in files:
        *parents, name = wanted.path.split("/")
        with beneath.opened_folder(folder, parents, create=True) as home:
            file = beneath.open_new(home, name)
            try:
                fill(wanted.entry, file)
            except BaseException:
                # A file that is not whole must not be taken for one.
                with suppress(OSError):
                    os.unlink(name, dir_fd=home)
                raise
            finally:
                os.close(file)
        yield wanted.path


def _fill(place: _Place, chunks: Iterator[bytes], store: str, progress: Progress | None) -> None:
    for _ in place.entry.objects:
        chunk = next(chunks)
        place.take(chunk)
        if progress:
            progress(len(chunk))
    place.check(store)


def _fetch(store: ObjectStore, entry: FileEntry, identity: str) -> bytes:
    try:
        return read_object(store, identity)
    except ObjectDamagedError as error:
        raise DamagedError(f"{entry.path} cannot be restored. {error.what}", error.hint) from error


def _sync_file(folder: Path, path: str) -> None:
    *parents, name = path.split("/")
    with beneath.opened_folder(folder, parents) as home:
        file = beneath.open_old(home, name)
        try:
            beneath.sync(file)
        finally:
            os.close(file)


def _sync_folders(paths: Iterable[str], folder: Path) -> None:
    inner = {parent.parts for path in paths for parent in PurePosixPath(path).parents}
    for parts in sorted(inner, key=len, reverse=True):
        beneath.sync_folder(folder, parts)


def _check_paths(paths: Sequence[str]) -> None:
    for path in paths:
        problem = path_problem(path)
        if problem:
            raise RefusedError(f"The path {path!r} {problem}.", "This point was not written by Synapse.")
    taken = clash(paths)
    if taken is not None:
        raise RefusedError(
            f"The path {taken!r} is there twice, or is also a folder.", "Restore the sources apart."
        )


def _sentence(error: OSError, folder: Path) -> OpsError:
    failed = f"Cannot write {error.filename or 'the files'} in {folder}: {error.strerror or error}."
    if isinstance(error, FileExistsError):
        return RefusedError(failed, "Restore into an empty folder.")
    return OpsError(failed, "Look at the space and the rights of that folder.")
