"""The journal of a restore under way: written before the target is touched, gone when it is whole again.

While it exists the backend takes no writes, and the next `synapse` call finishes or undoes the restore.
"""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from app.stores.index.layout import restore_marker
from pipelines.ops.errors import DamagedError

_FILE_MODE = 0o600


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EpochSwitch(_Written):
    """A collection that goes from one epoch to another (None: there was none)."""

    collection: str
    old: str | None
    new: str


class RedisSwap(_Written):
    """A running target: where it is, its configuration before, and the library that marks new data."""

    host: str
    port: int
    master_port: int
    configuration: dict[str, str]
    marker: str


class RedisLay(_Written):
    """A stopped target: the folder that is replaced, and the new one beside it."""

    folder: Path
    beside: Path


class Journal(_Written):
    """One restore: `compared` is set once the new data was found equal, from where it is only finished."""

    restore: str
    point: str
    safety: str | None = None
    compared: bool = False
    swap: RedisSwap | None = None
    lay: RedisLay | None = None
    epochs: tuple[EpochSwitch, ...] = ()


def read(data_dir: Path) -> Journal | None:
    """Return the journal of an interrupted restore, or None. Raises DamagedError when it cannot be read."""
    path = restore_marker(data_dir)
    try:
        return Journal.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DamagedError(
            f"The journal of an interrupted restore, {path}, cannot be read ({type(error).__name__}).",
            "Look whether Redis is a replica (REPLICAOF NO ONE ends that), then remove the file.",
        ) from error


def write(data_dir: Path, journal: Journal) -> None:
    """Put the journal on disk, whole, before anything that it announces is done."""
    path = restore_marker(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(journal.model_dump_json().encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync(path.parent)


def remove(data_dir: Path) -> None:
    """End the restore: the backend takes writes again."""
    path = restore_marker(data_dir)
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
