"""Whether the data of a point fits into the memory of a running target, before the swap and after it.

A paused server evicts nothing, so a comparison during the pause finds every key of a point that is too large;
the keys go when the pause ends. That is why its memory is looked at while it is still paused.
"""

import time
from collections.abc import Iterator

import redis

from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.restore.pause import WritePause
from pipelines.ops.restore.target import Target

_HEADROOM = 1.25
"""A swap holds old and new data at once and then rewrites the AOF; measured peaks lie below this factor."""
_FREED_LIMIT_S = 600.0
_POLL_S = 0.02


def objections(target: Target, point_bytes: int, limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield what speaks against a swap once the point's memory in a scratch server is known, in bytes.

    `limit` is what the target's container may use; without one it is what its machine has.
    """
    if target.maxmemory and point_bytes > target.maxmemory:
        yield (
            f"The point needs {point_bytes} bytes, more than the target's maxmemory of {target.maxmemory}.",
            "Raise maxmemory, or keys would be evicted without a word.",
        )
    peak = int((target.used + point_bytes) * _HEADROOM)
    most = min(limit or target.system_memory, target.system_memory or limit or 0)
    if most and peak > most:
        yield (
            f"Old and new data together need about {peak} bytes, and the target may use {most}.",
            "Give it more memory meanwhile; or take a backup, empty it (FLUSHALL), and restore by the id.",
        )


def check(client: redis.Redis, pause: WritePause) -> None:
    """Raise RefusedError when a paused target holds more than its maxmemory, the backlog counted as full."""
    wait_until_freed(client, pause)
    info = client.info("everything")
    limit = int(info["maxmemory"])
    backlog = int(info["repl_backlog_size"]) - int(info["mem_replication_backlog"])
    needed = int(info["used_memory"]) - int(info["mem_not_counted_for_evict"]) + max(backlog, 0)
    if limit and needed > limit:
        raise RefusedError(
            f"With the point the target needs {needed} bytes, more than its maxmemory of {limit}.",
            f"Raise its maxmemory above {needed}, or it would evict keys or refuse writes.",
        )


def wait_until_freed(client: redis.Redis, pause: WritePause) -> None:
    """Return when the replaced data is out of the memory of the server, which counts it until then."""
    deadline = time.monotonic() + _FREED_LIMIT_S
    while int(client.info("memory")["lazyfree_pending_objects"]):
        pause.check()
        if time.monotonic() > deadline:
            raise OpsError("The target did not free the memory of the data it had.", "Look at its log.")
        time.sleep(_POLL_S)  # a server tells of its memory only when asked
