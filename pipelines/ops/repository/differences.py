"""Decide whether a chunk is stored whole, or as what it differs in from its anchors."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.ops.repository import deltas
from pipelines.ops.repository.aligning import Anchor
from pipelines.ops.repository.objects import delta_name

_LEAST = 4096
"""What is smaller when packed whole is not worth an anchor, in bytes."""
_FIRST = 0.7
_LATER = 0.25
"""Differences from an anchor grow with every backup. When they are this part of the whole, a new anchor costs
less in the long run: with 1 % of change in each, one anchor every 14 backups would be best."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An object as it is to be stored, and the ids of its anchors."""

    name: str
    data: bytes
    anchors: tuple[str, ...] = ()


def pack_beside(chunk: bytes, identity: str, anchors: Sequence[Anchor]) -> Packed | None:
    """Return a chunk packed beside its anchors; None when it had better stand alone."""
    plain = sum(len(anchor.plain) for anchor in anchors)
    if not plain:
        return None
    # What the chunk would need alone, if it packs as its anchors do.
    alone = len(chunk) * sum(anchor.stored for anchor in anchors) / plain
    if alone < _LEAST:
        return None
    data = deltas.pack(chunk, [(anchor.identity, anchor.plain) for anchor in anchors])
    share = _FIRST if all(anchor.direct for anchor in anchors) else _LATER
    if len(data) > share * alone:
        return None
    names = tuple(anchor.identity for anchor in anchors)
    return Packed(delta_name(identity, names), data, names)
