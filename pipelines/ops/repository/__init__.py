"""The repository: objects, manifests and proofs over any store. `backups/README.md` is its format."""

from pipelines.ops.repository.folder import FolderStore
from pipelines.ops.repository.in_memory import InMemoryStore
from pipelines.ops.repository.passphrase import Passphrase
from pipelines.ops.repository.place import Place, S3Place, store_at
from pipelines.ops.repository.points import PointRef
from pipelines.ops.repository.proofs import Standing
from pipelines.ops.repository.pruning import PruneReport
from pipelines.ops.repository.repository import Repository
from pipelines.ops.repository.store import ObjectStore
from pipelines.ops.repository.storing import Figures, StoredFiles

__all__ = [
    "Figures",
    "FolderStore",
    "InMemoryStore",
    "ObjectStore",
    "Passphrase",
    "Place",
    "PointRef",
    "PruneReport",
    "Repository",
    "S3Place",
    "Standing",
    "StoredFiles",
    "store_at",
]
