"""Forget a restore point: its manifest goes first, so that a crash leaves no point that lost its proof."""

from pipelines.ops.repository.points import PointRef
from pipelines.ops.repository.proofs import FOLDER
from pipelines.ops.repository.store import ObjectStore


def forget(store: ObjectStore, ref: PointRef) -> None:
    """Remove a point; proofs that a crash left behind go with the next prune, as do the objects.

    Those of one that cannot be read too: they may be another's, of which it is a damaged copy.
    """
    store.delete(ref.key)
    if not ref.problem:
        for stored in list(store.list(f"{FOLDER}{ref.id}/")):
            store.delete(stored.key)
