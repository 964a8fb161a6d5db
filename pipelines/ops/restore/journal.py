"""The journal of a restore under way: written before the target is touched, gone when it is whole again.

While it exists the backend takes no writes, and the next `synapse` call finishes or undoes the restore.
"""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.stores.index.durable import sync
from app.stores.index.layout import restore_marker
from pipelines.ops.errors import DamagedError, OpsError

_FILE_MODE = 0o600
_PREPARATION = ".restore-preparation.json"


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_T = TypeVar("_T", bound=_Written)


class EpochSwitch(_Written):
    """A collection that goes from one epoch to another (None: there was none)."""

    collection: str
    old: str | None
    new: str


class RedisSwap(_Written):
    """A running target: where it is, its configuration before, and the library that marks new data.

    `master_port` is that of the scratch server which is, or is about to be, its master.
    """

    host: str
    port: int
    master_port: int
    configuration: dict[str, str]
    marker: str


class RedisLay(_Written):
    """A stopped target: the folder that is replaced, and the new one beside it."""

    folder: Path
    beside: Path


class Preparation(_Written):
    """What a restore lays beside the data before it has a journal; without one it is to be removed."""

    epochs: tuple[EpochSwitch, ...] = ()
    beside: Path | None = None


class Journal(_Written):
    """One restore: `compared` is set once the new data is the one to keep, from where it is only finished."""

    restore: str
    point: str
    safety: str | None = None
    compared: bool = False
    swap: RedisSwap | None = None
    lay: RedisLay | None = None
    epochs: tuple[EpochSwitch, ...] = ()


def read(data_dir: Path) -> Journal | None:
    """Return the journal of an interrupted restore, or None. Raises DamagedError when it cannot be read."""
    return _read(restore_marker(data_dir), Journal)


def write(data_dir: Path, journal: Journal) -> None:
    """Put the journal on disk, whole, before anything that it announces is done. Raises OpsError."""
    _write(restore_marker(data_dir), journal)


def remove(data_dir: Path) -> None:
    """End the restore: the backend takes writes again."""
    _remove(restore_marker(data_dir))


def prepared(data_dir: Path) -> Preparation | None:
    """Return what a restore has begun to lay, or None."""
    return _read(data_dir / _PREPARATION, Preparation)


def prepare(data_dir: Path, preparation: Preparation | None) -> None:
    """Note what is about to be laid, or that nothing is left of it. Raises OpsError."""
    if preparation is None:
        _remove(data_dir / _PREPARATION)
    else:
        _write(data_dir / _PREPARATION, preparation)


def unfinished(data_dir: Path) -> list[Path]:
    """List what restores that were killed while they wrote a journal or a preparation left beside it."""
    written = (_beside(restore_marker(data_dir)), _beside(data_dir / _PREPARATION))
    return [path for path in written if path.exists()]


def remove_unfinished(data_dir: Path) -> None:
    """Remove that; only while the data folder is held."""
    for path in unfinished(data_dir):
        _remove(path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OpsError(
            f"{path} cannot be read ({error.strerror}).", "Run as the owner of DATA_DIR."
        ) from error
    except ValidationError as error:
        raise DamagedError(
            f"The journal of an interrupted restore, {path}, is damaged.",
            "Look whether Redis is a replica (REPLICAOF NO ONE ends that), then remove the file.",
        ) from error


def _write(path: Path, content: _Written) -> None:
    beside = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(content.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync(path.parent)
    except OSError as error:
        raise OpsError(
            f"{path} cannot be written ({error.strerror}).", "Free space on the disk of DATA_DIR."
        ) from error


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    if path.parent.exists():
        sync(path.parent)
