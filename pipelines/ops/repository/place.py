"""Where a repository lies: a folder of this machine, or beneath a prefix of an S3 bucket."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from pipelines.ops.repository.folder import FolderStore
from pipelines.ops.repository.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Lock:
    """For how many days at least nobody deletes what is written or used again.

    In mode GOVERNANCE but those with a right of their own to it, in COMPLIANCE nobody at all.
    """

    days: int
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket of any S3-compatible store, and how it is reached.

    What is None is left to the AWS configuration of this machine (profile, role, instance). `prefix` has no
    `/` at its ends; `ca` is the file of the authorities to trust. `storage_class` is of the objects alone,
    for all the rest is small and often read.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False
    ca: Path | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    session_token: SecretStr | None = None
    storage_class: str | None = None
    lock: Lock | None = None

    def __str__(self) -> str:
        """Write it as SYNAPSE_REPOSITORY does."""
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"


Place = Path | S3Place


def store_at(place: Place, say: Callable[[str], None] = lambda _text: None) -> ObjectStore:
    """Return the store at a place; nothing is read yet. `say` is told once of what a store cannot do.

    Raises UsageError when the place is on S3 and boto3 is missing, or the AWS configuration cannot be used.
    """
    if isinstance(place, Path):
        return FolderStore(place)
    # A machine that keeps its restore points in a folder needs neither boto3 nor the time to import it.
    from pipelines.ops.repository.s3_client import opened  # noqa: PLC0415

    return opened(place, say)
