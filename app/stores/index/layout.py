"""Where a collection lies on disk: its folder, its epochs, the pointer to the current one, its locks.

<data>/restore.json                                   while a restore is under way
<data>/faiss_indexes/<collection>/current             the pointer: the name of the epoch in use
<data>/faiss_indexes/<collection>/.lock, .gate        shared by writers, held alone by a restore
<data>/faiss_indexes/<collection>/<epoch>/documents.sqlite3
<data>/faiss_indexes/<collection>/<epoch>/index-<sequence>.faiss
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from app.domain import StoreUnavailableError
from app.stores.index import locks
from app.stores.index.durable import Step, replace_file, unobserved

DATABASE = "documents.sqlite3"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = frozenset({"current"})


def indexes_root(data_dir: Path) -> Path:
    """Return the folder that holds a folder for each collection."""
    return data_dir / "faiss_indexes"


def restore_marker(data_dir: Path) -> Path:
    """Return the file that exists while a restore is under way; until it is gone, writes are refused."""
    return data_dir / "restore.json"


def refuse_during_restore(data_dir: Path) -> None:
    """Raise StoreUnavailableError while the restore marker is there."""
    if restore_marker(data_dir).exists():
        raise StoreUnavailableError(
            f"A restore is under way ({restore_marker(data_dir)}); nothing can be written now.",
            "Try again in a minute; if it was interrupted, any `synapse` command finishes or undoes it.",
        )


@dataclass(frozen=True, slots=True)
class CollectionFolder:
    """One collection under `root` (`<data>/faiss_indexes`). Raises ValueError on a name that climbs."""

    root: Path
    name: str

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def folder(self) -> Path:
        """The folder of the collection."""
        return self.root / self.name

    def epoch_folder(self, epoch: str) -> Path:
        """Return the folder of an epoch, whether it exists or not."""
        return self.folder / _check_name(epoch)

    def database(self, epoch: str) -> Path:
        """Return the file with the documents of an epoch."""
        return self.epoch_folder(epoch) / DATABASE

    def new_epoch(self) -> str:
        """Return a name that no epoch has had; makes no folder."""
        return uuid4().hex

    def epochs(self) -> list[str]:
        """List the epochs that have documents on disk, in use or left over."""
        return sorted(
            path.parent.name
            for path in self.folder.glob(f"*/{DATABASE}")
            if _NAME.fullmatch(path.parent.name)
        )

    def read_pointer(self) -> str | None:
        """Return the epoch in use, None when there is none. Raises StoreUnavailableError when unreadable."""
        pointer = self.folder / "current"
        try:
            return _check_name(pointer.read_text("ascii").strip())
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise StoreUnavailableError(
                f"The folder {self.folder} of the collection cannot be read ({error.strerror}).",
                "Let the user of the service read it and all that is in it (`chown -R`).",
            ) from error
        except (OSError, ValueError) as error:
            raise StoreUnavailableError(
                f"The pointer {pointer} of the collection cannot be read ({error}).",
                f"Write the name of an epoch into it; on disk: {', '.join(self.epochs()) or 'none'}.",
            ) from error

    def write_pointer(self, epoch: str, *, step: Step = unobserved) -> None:
        """Make `epoch` the one in use; only under `exclusive_lock`. Raises OSError."""
        replace_file(self.folder / "current", f"{_check_name(epoch)}\n".encode("ascii"), step=step)

    def remove_unfinished(self) -> None:
        """Remove what a killed `write_pointer` left; only under a lock. Raises OSError."""
        for left in self.folder.glob(".current.*"):
            left.unlink(missing_ok=True)

    @contextmanager
    def shared_lock(self, timeout: float = 10.0) -> Iterator[None]:
        """Keep the pointer from moving, together with other writers; `timeout` in seconds.

        Raises StoreUnavailableError when somebody holds the collection alone for longer.
        """
        with ExitStack() as held:
            with self._explained(timeout), locks.shared(self._gate, seconds=timeout):
                # Through the gate first: a waiting restore shuts it, so that writers cannot starve it.
                held.enter_context(locks.shared(self._lock, seconds=timeout))
            yield

    @contextmanager
    def exclusive_lock(self, timeout: float = 30.0) -> Iterator[None]:
        """Hold the collection alone, so that nobody writes; `timeout` in seconds.

        Raises StoreUnavailableError when writers or another restore hold it for longer.
        """
        with ExitStack() as held:
            with self._explained(timeout):
                held.enter_context(locks.exclusive(self._gate, seconds=timeout))
                held.enter_context(locks.exclusive(self._lock, seconds=timeout))
            yield

    @property
    def _lock(self) -> Path:
        return self.folder / ".lock"

    @property
    def _gate(self) -> Path:
        return self.folder / ".gate"

    @contextmanager
    def _explained(self, timeout: float) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield
        except locks.LockBusyError as error:
            raise StoreUnavailableError(
                f"The collection {self.name} was in use for more than {timeout:g} s.",
                "A restore or a rebuild is probably running: try again when it is done.",
            ) from error
        except OSError as error:
            raise StoreUnavailableError(
                f"The folder {self.folder} of the collection cannot be locked ({error.strerror}).",
                "See that its disk has room and that this user may write there.",
            ) from error


def collections(root: Path) -> list[CollectionFolder]:
    """List the collections under `root` that have a pointer, by name."""
    return [
        CollectionFolder(root, pointer.parent.name)
        for pointer in sorted(root.glob("*/current"))
        if _NAME.fullmatch(pointer.parent.name)
    ]


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ValueError(
            f"{name!r} is no name for a collection or an epoch: "
            "use letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit"
        )
    return name
