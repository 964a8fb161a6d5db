"""Redis: does it answer to the password, keep what it is told, evict only what may go, allow a capture."""

from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.exceptions import RedisError

from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.quantities import size
from pipelines.ops.errors import OpsError
from pipelines.ops.redis.connection import connect, named, talking_to
from pipelines.ops.redis.facts import server_version

_REPLY_S = 5.0
_NEARLY_FULL = 0.9
_PERSISTENCE, _EVICTION, _MEMORY, _CAPTURE = (
    "redis persistence",
    "redis eviction",
    "redis memory",
    "redis capture",
)
_LIMIT_WORDS = 4


def look_at_redis(subject: Subject) -> Iterator[Finding]:
    """Ask the server for all that it says of itself."""
    address = subject.settings.redis
    try:
        with talking_to(address), connect(address, timeout=_REPLY_S) as client:
            info: Mapping[str, Any] = client.info("everything")
            version = str(server_version(client))
            limits = _replica_limits(client)
    except OpsError as error:
        yield red("redis", error.what, error.hint)
        yield from (
            skipped(name, "Redis was not reached") for name in (_PERSISTENCE, _EVICTION, _MEMORY, _CAPTURE)
        )
        return
    yield _reached(f"{named(address)} ({version})", info, password=bool(address.password))
    yield _persistence(
        info, f"Correct its configuration and restart it; `{subject.start}` starts one that is right."
    )
    yield _eviction(info)
    yield _memory(info)
    yield _capture(info, limits)


def _reached(name: str, info: Mapping[str, Any], *, password: bool) -> Finding:
    if info["role"] != "master":
        return red(
            "redis",
            f"{name} is a replica of {info.get('master_host')}:{info.get('master_port')} and takes no writes",
            "See the line `restore`; without one make it a master: REPLICAOF NO ONE.",
        )
    if not password:
        return amber("redis", f"{name} answers without a password", "Set REDIS_PASSWORD here and there.")
    return green("redis", f"{name} answers to the password")


def _persistence(info: Mapping[str, Any], restart: str) -> Finding:
    if not info["aof_enabled"]:
        return red(_PERSISTENCE, "the AOF is off: a crash loses what was written", restart)
    for name, doing in (
        ("aof_last_write_status", "write to its AOF"),
        ("aof_last_bgrewrite_status", "rewrite its AOF"),
    ):
        if info[name] != "ok":
            return red(
                _PERSISTENCE,
                f"Redis could not {doing} the last time ({name} is {info[name]})",
                "Look at its log; mostly its disk is full.",
            )
    return green(
        _PERSISTENCE, f"AOF of {size(info.get('aof_current_size', 0))}, last write and rewrite went well"
    )


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = str(info["maxmemory_policy"])
    if not info["maxmemory"]:
        return amber(
            _EVICTION,
            "maxmemory is not set: Redis may take all memory",
            "Set maxmemory in its configuration.",
        )
    if policy.startswith("allkeys"):
        return red(
            _EVICTION,
            f"maxmemory-policy {policy} evicts sessions as well as cached answers",
            "Set it to volatile-lru: CONFIG SET maxmemory-policy volatile-lru, and in its configuration.",
        )
    if policy == "noeviction":
        return amber(
            _EVICTION,
            "maxmemory-policy noeviction refuses writes instead of dropping cached answers",
            "Set maxmemory-policy to volatile-lru.",
        )
    return green(_EVICTION, f"{policy}: only what has a time to live can be evicted")


def _memory(info: Mapping[str, Any]) -> Finding:
    used, limit = int(info["used_memory"]), int(info["maxmemory"])
    if not limit:
        return skipped(_MEMORY, f"{size(used)} in use, no limit set")
    told = f"{size(used)} of {size(limit)} in use"
    volatile = sum(
        counts["expires"] for name, counts in info.items() if name.startswith("db") and name[2:].isdigit()
    )
    if used >= limit and not volatile:
        return red(
            _MEMORY,
            f"{told} and no key may be evicted: writes are refused",
            "Raise maxmemory, or delete sessions.",
        )
    if used >= limit * _NEARLY_FULL:
        return amber(
            _MEMORY, told, "Cached answers are evicted from here on; raise maxmemory if they matter."
        )
    return green(_MEMORY, told)


def _capture(info: Mapping[str, Any], limits: tuple[int, int, int] | str) -> Finding:
    """Judge the limit at which a capture that falls behind is dropped, against the data and the machine."""
    if isinstance(limits, str):
        return skipped(_CAPTURE, limits)
    hard, soft, seconds = limits
    told = f"a capture may fall behind by {size(hard)}, or {size(soft)} for {seconds} s"
    wanted = int(info["maxmemory"]) or int(info["used_memory"])
    remedy = (
        "Set client-output-buffer-limit for replicas: half of maxmemory or more, and no more than the memory"
        " that Redis may use leaves beside its data."
    )
    if not hard:
        return amber(_CAPTURE, "a capture that falls behind may fill all memory: there is no limit", remedy)
    if hard < wanted // 2:
        return amber(
            _CAPTURE,
            f"{told}: less than half of the {size(wanted)} that can change meanwhile, so it may be dropped",
            remedy,
        )
    machine = int(info.get("total_system_memory", 0))
    if machine and int(info["maxmemory"]) + hard > machine:
        return amber(_CAPTURE, f"{told}: with the data more than the {size(machine)} of the machine", remedy)
    return green(_CAPTURE, told)


def _replica_limits(client: redis.Redis) -> tuple[int, int, int] | str:
    """Return the hard limit, the soft limit (bytes) and its seconds; or why they cannot be known."""
    try:
        words = str(client.config_get("client-output-buffer-limit")["client-output-buffer-limit"]).split()
    except (RedisError, KeyError) as error:
        return f"the limit for replicas cannot be read ({error})"
    for at in range(0, len(words), _LIMIT_WORDS):
        if words[at] in {"slave", "replica"}:
            hard, soft, seconds = map(int, words[at + 1 : at + _LIMIT_WORDS])
            return hard, soft, seconds
    return "Redis names no limit for replicas"
