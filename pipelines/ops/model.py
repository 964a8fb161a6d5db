"""What a repository says about a restore point: manifest and proof, as written in `backups/README.md`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Literal[1] = 1
FORMAT_ANCHORED: Literal[2] = 2
"""The format of a manifest with anchors: one that knows none must not think that it knows what is needed."""


class _Written(BaseModel):
    """A frozen part of a stored document; unknown fields are refused, so that nothing is lost unseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Written):
    """One file of a source: relative POSIX path, size in bytes, and the objects that make it, in order.

    `anchors` are the ids of the objects that these need to be read.
    """

    path: str
    size: int = Field(ge=0)
    sha256: str
    objects: tuple[str, ...]
    anchors: tuple[str, ...] = Field(default=(), exclude_if=lambda anchors: not anchors)


def format_of(files: Iterable[FileEntry]) -> Literal[1, 2]:
    """Return the format of a manifest that names these files."""
    return FORMAT_ANCHORED if any(entry.anchors for entry in files) else FORMAT


class KeyCount(_Written):
    """Keys of a Redis database at the cut; `expires` have a time to live, `fading` have fields with one."""

    keys: int
    expires: int
    fading: int = 0


class RedisSource(_Written):
    """A captured Redis: the files are one multi-part AOF folder."""

    way: Literal["replication", "keys", "aof-folder", "import"]
    server: Literal["redis", "valkey", "unknown"]
    version: str
    replid: str | None
    offset: int | None
    rdb_version: int | None
    loadable_by: tuple[str, ...]
    databases: dict[str, KeyCount] | None
    notes: tuple[str, ...] = ()
    files: tuple[FileEntry, ...]


class Canary(_Written):
    """A query asked at capture: `vector` is base64 of little-endian float32 (uint8 for binary indexes)."""

    vector: str
    ids: tuple[int, ...]
    scores: tuple[float, ...]


class FileStamp(_Written):
    """What changes when a file is written to or replaced, as of its capture; times in ns since 1970."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class IndexFacts(_Written):
    """A FAISS index: `path` is its file in the source, or None when it is derived from documents.

    `stamp` is that of the file, unless it was written to just before: then its times do not tell enough.
    """

    path: str | None
    index_type: str
    dimension: int
    metric: str
    count: int
    canaries: tuple[Canary, ...]
    stamp: FileStamp | None = Field(default=None, exclude_if=lambda stamp: stamp is None)


class CollectionFacts(_Written):
    """A Synapse collection at the cut: its epoch and sequence, its counts and its embedding model."""

    name: str
    epoch: str
    sequence: int
    documents: int
    passages: int
    model: str
    normalised: bool
    index: IndexFacts


class FaissSource(_Written):
    """Captured collections, or a folder of FAISS files that Synapse did not write."""

    way: Literal["collections", "folder", "import"]
    collections: tuple[CollectionFacts, ...] = ()
    indexes: tuple[IndexFacts, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[FileEntry, ...]


class RestorePoint(_Written):
    """The manifest: one moment of one or both sources. Its id is the BLAKE3 hash of its canonical bytes."""

    format: Literal[1, 2] = FORMAT
    label: Literal["backup", "safety", "import"] = "backup"
    host: str
    software: dict[str, str]
    started: datetime
    finished: datetime
    redis: RedisSource | None = None
    faiss: FaissSource | None = None


class VolatileKeys(_Written):
    """Keys with a time to live: (database, start of a bucket of `width` seconds, count, added-up hash)."""

    width: int
    buckets: tuple[tuple[str, int, int, str], ...] = ()


class RedisDigest(_Written):
    """The digest of a Redis data set: `persistent` keys and functions in one, `volatile` keys apart."""

    persistent: str
    databases: dict[str, int]
    functions: str
    volatile: VolatileKeys
    scanned_from: float
    scanned_to: float


class SourceProof(_Written):
    """What a check of one source found; `digest` is that of Redis, when it was booted."""

    source: Literal["redis", "faiss"]
    digest: RedisDigest | None = None
    facts: dict[str, str | int | float | None] = {}
    problems: tuple[str, ...] = ()


class Proof(_Written):
    """The result of checking a restore point: level 1 present, 2 every byte hashed, 3 booted and queried."""

    format: Literal[1] = FORMAT
    point: str
    level: Literal[1, 2, 3]
    good: bool
    started: datetime
    seconds: float
    software: dict[str, str]
    sources: tuple[SourceProof, ...] = ()
    problems: tuple[str, ...] = ()


class CondemnedList(_Written):
    """Objects that no restore point needed when a prune looked; one that is put again later is pardoned."""

    format: Literal[1] = FORMAT
    made: datetime
    objects: tuple[str, ...]


class PruneRecord(_Written):
    """A prune that may be deleting what these lists condemn; it is gone when the prune has ended."""

    format: Literal[1] = FORMAT
    run: str
    begun: datetime
    lists: tuple[str, ...]
