"""What a running Redis says of itself before it is made to swap its data, and what speaks against it."""

from collections.abc import Iterator
from dataclasses import dataclass

import redis

from pipelines.ops.model import RedisSource
from pipelines.ops.redis.facts import ServerVersion, server_version
from pipelines.ops.restore.swap import marks

_SWAPPED = (
    "masterauth",
    "masteruser",
    "repl-diskless-load",
    "repl-diskless-sync-delay",
    "replica-read-only",
    "replica-serve-stale-data",
    "tls-replication",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Facts of a running Redis that decide whether it can take a restore point."""

    version: ServerVersion
    role: str
    cluster: bool
    watched: bool
    replicas: int
    databases: int
    keys: int
    used: int
    dataset: int
    maxmemory: int
    system_memory: int
    aof: bool
    saves: bool
    aof_failed: bool
    marks: tuple[str, ...]
    configuration: dict[str, str]


def inspect(client: redis.Redis) -> Target:
    """Read the facts from a running server; the user needs INFO, CONFIG GET and CLIENT LIST."""
    info = client.info("everything")
    settings = {name: value or "" for name, value in client.config_get("*").items()}
    return Target(
        version=server_version(client),
        role=str(info["role"]),
        cluster=bool(info.get("cluster_enabled")),
        watched=any(str(peer["name"]).startswith("sentinel-") for peer in client.client_list()),
        replicas=int(info["connected_slaves"]),
        databases=int(settings["databases"]),
        keys=sum(counts["keys"] for name, counts in info.items() if _is_database(name)),
        used=int(info["used_memory"]),
        dataset=int(info["used_memory_dataset"]),
        maxmemory=int(settings["maxmemory"]),
        system_memory=int(info.get("total_system_memory", 0)),
        aof=bool(info["aof_enabled"]),
        saves=bool(settings.get("save")),
        aof_failed=info["aof_last_bgrewrite_status"] != "ok" or info["aof_last_write_status"] != "ok",
        marks=tuple(marks(client)),
        configuration={name: settings[name] for name in _SWAPPED if name in settings},
    )


def objections(target: Target, source: RedisSource) -> Iterator[tuple[str, str]]:
    """Yield what speaks against a swap before the point is booted: (what, hint) pairs."""
    if target.cluster:
        yield "The target is a Redis Cluster node.", "Restore into a folder and load the nodes from it."
    if target.role != "master":
        yield f"The target is a {target.role}.", "Name its master with REDIS_HOST."
    if target.marks:
        yield (
            f"Another restore into the target has begun, or was never ended ({target.marks[0]}).",
            f"Run `synapse verify` where it began, which ends it; else FUNCTION DELETE {target.marks[0]}.",
        )
    if target.aof_failed:
        yield "The target fails to write its AOF.", "Free space on its disk, then BGREWRITEAOF."
    if target.watched:
        yield (
            "The target is watched by Sentinel, which would fail over.",
            "Remove it from Sentinel for the restore.",
        )
    needed = max((int(name) for name in source.databases or {}), default=0) + 1
    if needed > target.databases:
        yield (
            f"The point uses {needed} databases, the target has {target.databases}.",
            f"Set `databases {needed}` there and restart it.",
        )


def warnings(target: Target) -> Iterator[str]:
    """Yield what an operator should know before agreeing to a swap."""
    if not target.aof and not target.saves:
        # It is not known from here whether there is such a file.
        yield (
            'the target keeps nothing on its disk (appendonly no, save ""): when it is started again it loads'
            " an old dump.rdb if it has one, or is empty; remove that file, or CONFIG SET appendonly yes"
        )


def _is_database(name: str) -> bool:
    return name.startswith("db") and name[2:].isdigit()
