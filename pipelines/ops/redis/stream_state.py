"""What a stream holds beside its entries: ids, groups, consumers and pending entries, without idle times."""

from collections.abc import Mapping
from typing import Any

import redis

from pipelines.ops.redis.connection import call

_KEPT = (b"last-generated-id", b"max-deleted-entry-id", b"entries-added")


def stream_state(client: redis.Redis, key: bytes) -> bytes | None:
    """Return it in one form for all servers, or None when the key is gone.

    `XINFO STREAM FULL COUNT n` lists as many entries as pending ones, so n is what the groups need.
    """
    try:
        groups = [mapping(group) for group in call(client, "XINFO", "GROUPS", key)]
        most = max([1, *(int(group[b"pending"]) for group in groups)])
        full = mapping(call(client, "XINFO", "STREAM", key, "FULL", "COUNT", most))
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return None
        raise
    state = {name: full[name] for name in _KEPT}
    listed = sorted((_group_state(mapping(group)) for group in full[b"groups"]), key=repr)
    return repr((state, listed)).encode()


def mapping(pairs: Any) -> dict[bytes, Any]:  # noqa: ANN401  # a reply of RESP 2 or 3
    """Read a reply of names and values, in whichever form the client library gives it."""
    if isinstance(pairs, Mapping):
        return {name.encode() if isinstance(name, str) else bytes(name): each for name, each in pairs.items()}
    flat = list(pairs) if isinstance(pairs, (list, tuple)) else []
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _group_state(group: Mapping[bytes, Any]) -> tuple[object, ...]:
    """Keep times of delivery, which are data, and drop those at which a consumer was last seen."""
    consumers = [mapping(consumer) for consumer in group[b"consumers"]]
    return (
        group[b"name"],
        group[b"last-delivered-id"],
        group[b"entries-read"],
        _pending(group),
        sorted((consumer[b"name"], _pending(consumer)) for consumer in consumers),
    )


def _pending(holder: Mapping[bytes, Any]) -> object:
    """Return the pending entries; the servers say `pending`, the manual `pel`. One of them must be there."""
    return holder[b"pending"] if b"pending" in holder else holder[b"pel"]
