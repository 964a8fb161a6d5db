"""The repository's `config`: what every reader and writer of one repository must agree on."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.ops.errors import DamagedError, NothingError, RefusedError
from pipelines.ops.model import FORMAT
from pipelines.ops.repository.documents import from_bytes, to_bytes
from pipelines.ops.repository.store import AbsentError, KeyTakenError, ObjectStore

KEY = "config"
MAX_CONFIG = 64 * 1024
FORMAT_ENCRYPTED: Literal[2] = 2
"""The format of an encrypted repository; its documents have their own."""
KIB = 1024
MAX_CHUNK = 4 * KIB * KIB
"""No chunk is larger, in bytes, so no object needs more memory than this to be read."""


class ChunkerConfig(BaseModel):
    """How files are cut, sizes in bytes; equal in all backups, or nothing is found again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["fastcdc-2020"] = "fastcdc-2020"
    minimum: int = Field(default=256 * KIB, ge=64, le=KIB * KIB)
    average: int = Field(default=KIB * KIB, ge=256, le=MAX_CHUNK)
    maximum: int = Field(default=MAX_CHUNK, ge=KIB, le=MAX_CHUNK)
    normalisation: Literal[0, 1, 2, 3] = 1
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.minimum <= self.average <= self.maximum:
            raise ValueError("minimum, average and maximum are not in this order")
        return self


class EncryptionConfig(BaseModel):
    """How values are sealed, and a keyed hash of the config by which whoever has the key knows it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    check: str = Field(pattern=r"^[0-9a-f]{64}$")


class RepositoryConfig(BaseModel):
    """The first document of a repository, written once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1, 2] = FORMAT
    id: UUID
    chunker: ChunkerConfig = ChunkerConfig()
    hash: Literal["blake3"] = "blake3"
    compression: Literal["zstd"] = "zstd"
    encryption: EncryptionConfig | None = None

    @model_validator(mode="after")
    def _of_its_format(self) -> Self:
        # A Synapse that knows no encryption must stop at the number, not at a field that it thinks damaged.
        if self.format != (FORMAT if self.encryption is None else FORMAT_ENCRYPTED):
            raise ValueError(f"format {FORMAT} is plain and format {FORMAT_ENCRYPTED} is encrypted")
        return self


def read_config(store: ObjectStore) -> RepositoryConfig:
    """Return the config; `NothingError` when the store holds no repository."""
    try:
        data = store.get(KEY, limit=MAX_CONFIG)
    except AbsentError as error:
        if _holds_points(store):
            raise DamagedError(
                f"The repository in {store.place} has restore points but no config.",
                "Put its config back from a copy, or write one as backups/README.md shows.",
            ) from error
        raise NothingError(
            f"There is no repository in {store.place}.", "Look at its name; `synapse backup` makes one."
        ) from error
    called = f"The config of the repository in {store.place}"
    return from_bytes(RepositoryConfig, data, called, known=FORMAT_ENCRYPTED)


def write_config(store: ObjectStore, config: RepositoryConfig) -> None:
    """Make the store a repository; `RefusedError` when it is one already, whoever was first."""
    if _holds_points(store):
        raise RefusedError(
            f"There are restore points in {store.place} already.",
            "Open that repository, or name another place.",
        )
    try:
        store.put(KEY, to_bytes(config))
    except KeyTakenError as error:
        raise RefusedError(
            f"There is a repository in {store.place} already.", "Open it, or name another place."
        ) from error
    store.settle([KEY])


def check_same(store: ObjectStore, config: RepositoryConfig) -> None:
    """Raise RefusedError when the store has become another repository since its config was read.

    Of two that make one at the same moment, on a store that cannot put only what is not there, one loses.
    """
    if read_config(store) != config:
        raise RefusedError(
            f"The repository in {store.place} was made anew meanwhile.",
            "Run the command again: it then writes into the repository that is there now.",
        )


def _holds_points(store: ObjectStore) -> bool:
    return next(store.list("points/"), None) is not None
