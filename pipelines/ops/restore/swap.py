"""Swap the data of a running Redis: a scratch server is its master for a moment. The order is the safety.

Until the AOF of the new data is rewritten, a kill of the target brings the old data back; so nothing is let
in before. A function library marks the new data: it travels with it, survives a restart, is in no database.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis
from redis.exceptions import RedisError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.connection import call, connect, named, talking_to
from pipelines.ops.redis.digest import MARKER_PREFIX
from pipelines.ops.restore.journal import RedisSwap

Check = Callable[[], None]
"""Raises when the write pause was lost."""

_POLL_S = 0.02
_LINK_LIMIT_S = 20.0
_REWRITE_LIMIT_S = 1800.0
_MARKER_CODE = "#!lua name={name}\nredis.register_function('{name}', function() return 1 end)"


@dataclass(frozen=True, slots=True)
class Master:
    """The scratch server as the target sees it."""

    address: RedisAddress
    client: redis.Redis


def mark(client: redis.Redis, restore: str) -> str:
    """Put the mark of a restore into a scratch server; return its name."""
    name = f"{MARKER_PREFIX}{restore}"
    call(client, "FUNCTION", "LOAD", "REPLACE", _MARKER_CODE.format(name=name))
    return name


def holds(client: redis.Redis, marker: str) -> bool:
    """Say whether a server holds the data that was marked."""
    return bool(call(client, "FUNCTION", "LIST", "LIBRARYNAME", marker))


def replicate(address: RedisAddress, master: Master, journal: RedisSwap, check: Check) -> None:
    """Make the target load the master's data and put it into its own AOF; it stays a replica, paused.

    Raises OpsError with the reason when the link does not come up, breaks, or the AOF is not rewritten.
    """
    with talking_to(address), connect(address) as client:
        _set(client, journal.configuration, "masterauth", master.address.password or "")
        for name, value in (
            ("masteruser", ""),
            ("repl-diskless-load", "swapdb"),
            ("replica-read-only", "yes"),
            ("tls-replication", "no"),
        ):
            _set(client, journal.configuration, name, value)
        call(client, "REPLICAOF", master.address.host, master.address.port)
        _wait_for_link(client, address, master, journal.marker, check)
        wait_for_aof(client, check)


def wait_for_aof(client: redis.Redis, check: Check) -> None:
    """Return when the target's AOF holds what its memory holds; start the rewrite again when it failed."""
    deadline = time.monotonic() + _REWRITE_LIMIT_S
    asked_again = False
    while time.monotonic() < deadline:
        check()
        info = client.info("persistence")
        if not info["aof_enabled"]:
            return
        if not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]:
            if info["aof_last_bgrewrite_status"] == "ok" and info["aof_last_write_status"] == "ok":
                return
            if asked_again:
                raise OpsError(
                    "The target could not write the new data into its AOF.",
                    "Look at its log and at the space on its disk.",
                )
            call(client, "BGREWRITEAOF")
            asked_again = True
        time.sleep(_POLL_S)  # a server tells of its rewrite only when asked
    raise OpsError("The target did not finish writing its AOF.", "Look at its log and its disk.")


def promote(client: redis.Redis, configuration: Mapping[str, str]) -> None:
    """Make the target a master of its own again, with the configuration that it had."""
    call(client, "REPLICAOF", "NO", "ONE")
    for name, value in configuration.items():
        call(client, "CONFIG", "SET", name, value)


def unmark(client: redis.Redis) -> None:
    """Take the marks of restores out of the target; a write, so it comes after the pause."""
    for library in call(client, "FUNCTION", "LIST", "LIBRARYNAME", f"{MARKER_PREFIX}*"):
        name = library[library.index(b"library_name") + 1]
        call(client, "FUNCTION", "DELETE", name)


def _set(client: redis.Redis, known: Mapping[str, str], name: str, value: str) -> None:
    if name in known:
        call(client, "CONFIG", "SET", name, value)


def _wait_for_link(
    client: redis.Redis, address: RedisAddress, master: Master, marker: str, check: Check
) -> None:
    heard = time.monotonic()
    progress: tuple[object, ...] = ()
    while time.monotonic() - heard < _LINK_LIMIT_S:
        check()
        info = client.info("replication")
        if info["master_link_status"] == "up" and _caught_up(info, master, address) and holds(client, marker):
            return
        now = (
            info.get("master_sync_in_progress"),
            info.get("master_sync_read_bytes"),
            info["slave_repl_offset"],
        )
        if now != progress:
            progress, heard = now, time.monotonic()
        time.sleep(_POLL_S)  # a server tells of its link only when asked
    raise UnreachableError(
        f"{named(address)} got no copy from the scratch server {master.address.host}:{master.address.port}.",
        "Set SYNAPSE_SCRATCH_ADDRESS to an address of this machine that the target can reach.",
    )


def _caught_up(info: Mapping[str, object], master: Master, address: RedisAddress) -> bool:
    try:
        offset = int(master.client.info("replication")["master_repl_offset"])
    except RedisError as error:
        raise OpsError(
            f"The scratch server ended while {named(address)} was loading from it.", "Run the restore again."
        ) from error
    return int(str(info["slave_repl_offset"])) >= offset
