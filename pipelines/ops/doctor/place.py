"""Whether the containers are those of this folder, and Redis has the memory that restores count on."""

from collections.abc import Iterator
from pathlib import Path

from pipelines.ops.doctor.check import Finding, Subject, green, red, skipped
from pipelines.ops.doctor.quantities import size

COMPOSE_FILE_LIMIT = 512 << 20
"""What docker-compose.yml gives to Redis where SYNAPSE_REDIS_MEMORY_LIMIT is not set, in bytes."""


def look_at_place(subject: Subject) -> Iterator[Finding]:
    """Compare the folder from which the containers were made with this one: all copies use the same names."""
    folders = {one.folder for one in subject.containers().values() if one.folder}
    others = sorted(folder for folder in folders if Path(folder).resolve() != Path.cwd().resolve())
    if not folders:
        yield skipped("folder", "no container says from which folder it was made")
    elif others:
        yield red(
            "folder",
            f"containers of another folder: {', '.join(others)}",
            "Work in that folder, where their data and password are. If it was moved here:"
            f" {subject.start} --force-recreate.",
        )
    else:
        yield green("folder", "the containers were made from this one")


def look_at_memory_of_redis(subject: Subject) -> Iterator[Finding]:
    """Compare the limit of the container with the one that restores are held to."""
    name, redis = "memory of redis", subject.containers().get("redis")
    limit = int(redis.bounds.get("Memory") or 0) if redis else 0
    counted = subject.settings.redis_memory_limit or COMPOSE_FILE_LIMIT
    if not limit:
        yield skipped(name, "the container is not there, or has no limit")
    elif limit != counted:
        yield red(
            name,
            f"its container has {size(limit)}, and a restore takes it for {size(counted)}",
            "Set SYNAPSE_REDIS_MEMORY_LIMIT in .env, for both, and no limit of memory for Redis in a compose"
            f" file of your own; then {subject.start}.",
        )
    else:
        yield green(name, f"restores are held to its limit of {size(limit)}")
