"""A store whose values are sealed: whoever reads what is below it learns neither names nor contents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from pipelines.ops.repository.config import ChunkerConfig
from pipelines.ops.repository.sealing import OVERHEAD, BrokenSealError, Seal, derived
from pipelines.ops.repository.store import ObjectStore, Stored, UnreadableError


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a repository, one a purpose: ids of bytes, values, the check of `config`, the cuts."""

    ids: bytes = field(repr=False)
    values: bytes = field(repr=False)
    config: bytes = field(repr=False)
    seed: int = field(repr=False)

    @classmethod
    def of(cls, root: bytes) -> "Keys":
        """Derive them from the repository key, 32 random bytes."""
        return cls(
            ids=derived(root, b"synapse 1 ids"),
            values=derived(root, b"synapse 1 values"),
            config=derived(root, b"synapse 1 config"),
            # The chunker takes 63 bits.
            seed=int.from_bytes(derived(root, b"synapse 1 chunker", length=8), "big") >> 1,
        )


class ForeignValueError(UnreadableError):
    """What is stored under a key does not open: it was changed, or was stored under another name."""


class SealedStore:
    """A store above another one; a value opens under the key that it was put under, and no other.

    Sizes and limits are those of the plain values.
    """

    def __init__(self, below: ObjectStore, keys: Keys) -> None:
        self.below = below
        self.keys = keys
        self._seal = Seal(keys.values)

    @property
    def place(self) -> str:
        """Where the store below is."""
        return self.below.place

    @property
    def near(self) -> bool:
        """Whether the store below is."""
        return self.below.near

    @property
    def lanes(self) -> int:
        """As many as the store below has."""
        return self.below.lanes

    @property
    def glances(self) -> int:
        """As many as the store below has."""
        return self.below.glances

    def alike(self, other: ObjectStore) -> "SealedStore":
        """Return another place, such as a copy, seen with the same keys."""
        return SealedStore(other, self.keys)

    def put(self, key: str, data: bytes, *, replace: bool = False) -> None:
        """Seal and store a value; see the port."""
        self.below.put(key, self._seal.close(data, key), replace=replace)

    def settle(self, keys: Iterable[str]) -> None:
        """Make values survive; see the port."""
        self.below.settle(keys)

    def check_writable(self) -> None:
        """See the port."""
        self.below.check_writable()

    def get(self, key: str, *, limit: int) -> bytes:
        """Return the plain value, or raise ForeignValueError; see the port."""
        sealed = self.below.get(key, limit=limit + OVERHEAD)
        try:
            return self._seal.open(sealed, key)
        except BrokenSealError as error:
            raise ForeignValueError(
                f"{key} in {self.place} does not open: it was changed, or was stored under another name.",
                "Take it from a copy of the repository.",
            ) from error

    def size(self, key: str) -> int | None:
        """Return the size of the plain value; see the port."""
        size = self.below.size(key)
        return None if size is None else max(0, size - OVERHEAD)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is stored, with plain sizes; see the port."""
        for stored in self.below.list(prefix):
            yield replace(stored, size=max(0, stored.size - OVERHEAD))

    def written(self, key: str) -> float | None:
        """Return when a value was put; see the port."""
        return self.below.written(key)

    def clock(self) -> float:
        """Return the time of the store below; see the port."""
        return self.below.clock()

    def delete(self, key: str) -> bool:
        """Remove a value; see the port."""
        return self.below.delete(key)


def below(store: ObjectStore) -> ObjectStore:
    """Return where config and keys are: the store below where values are sealed, else the store itself."""
    return store.below if isinstance(store, SealedStore) else store


def id_key(store: ObjectStore) -> bytes | None:
    """Return the key of the BLAKE3 hashes that name what is in a store; None where they are plain."""
    return store.keys.ids if isinstance(store, SealedStore) else None


def cuts(store: ObjectStore, chunker: ChunkerConfig) -> ChunkerConfig:
    """Return how files are cut for a store: where it is sealed, the seed is a secret of its key."""
    if not isinstance(store, SealedStore):
        return chunker
    return chunker.model_copy(update={"seed": store.keys.seed})


def seen_alike(store: ObjectStore, other: ObjectStore) -> ObjectStore:
    """Return another place with the keys of a store, where that has any."""
    return store.alike(other) if isinstance(store, SealedStore) else other
