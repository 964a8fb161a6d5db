"""Swap the data of a running Redis: a scratch server is its master for a moment. The order is the safety.

Until the AOF of the new data is rewritten, a kill of the target brings the old data back; so nothing is let
in before. A function library marks the new data: it travels with it, survives a restart, is in no database.
"""

import time
from collections.abc import Mapping

import redis
from redis.exceptions import RedisError, ResponseError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, RefusedError, UnreachableError
from pipelines.ops.redis.connection import call, encode, named, raw, talking_to
from pipelines.ops.redis.digest import MARKER_PREFIX
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.restore.journal import RedisSwap
from pipelines.ops.restore.pause import WritePause, changes_of

_POLL_S = 0.02
_LINK_LIMIT_S = 20.0
_REWRITE_LIMIT_S = 1800.0
_BUSY_LIMIT_S = 60.0
_REWRITES = 2
"""More tries of the target to write its AOF before the restore gives up: after three it waits a minute."""
_MARKER_CODE = "#!lua name={name}\nredis.register_function('{name}', function() return 1 end)"
_FULL_DISK = "Look at its log and at the space on its disk."


def mark(client: redis.Redis, restore: str) -> str:
    """Put the mark of a restore into a scratch server, in place of others; return its name."""
    unmark(client)
    name = f"{MARKER_PREFIX}{restore}"
    call(client, "FUNCTION", "LOAD", _MARKER_CODE.format(name=name))
    return name


def marks(client: redis.Redis) -> list[str]:
    """List the marks of restores that a server's data carries."""
    libraries = call(client, "FUNCTION", "LIST", "LIBRARYNAME", f"{MARKER_PREFIX}*")
    return [library[library.index(b"library_name") + 1].decode() for library in libraries]


def holds(client: redis.Redis, marker: str) -> bool:
    """Say whether a server holds the data that was marked."""
    return marker in marks(client)


def unmark(client: redis.Redis) -> None:
    """Take the marks of restores out of the data; a write, so it comes after the pause."""
    for name in marks(client):
        call(client, "FUNCTION", "DELETE", name)


def unmark_when_free(client: redis.Redis) -> None:
    """Take the marks out once the scripts are done that waited for the end of the pause.

    Raises OpsError when they take too long: the data is in its place then, and only the mark is left.
    """
    deadline = time.monotonic() + _BUSY_LIMIT_S
    while True:
        try:
            return unmark(client)
        except ResponseError as error:
            if not str(error).startswith("BUSY"):
                raise
            if time.monotonic() > deadline:
                raise OpsError(
                    f"The data is in its place, but the mark of the restore is still on it ({error}).",
                    "Wait for that script, or SCRIPT KILL; the next `synapse` call then ends the restore.",
                ) from error
        time.sleep(_POLL_S)  # a busy server tells nothing


def replicate(address: RedisAddress, master: ScratchServer, journal: RedisSwap, pause: WritePause) -> None:
    """Make the paused target load the master's data and put it on its disk; it stays a replica.

    Raises OpsError with the reason when the link does not come up, breaks, or the data is not written.
    """
    _end_no_keys(master)
    with talking_to(address), pause.joined() as client:
        if client.info("replication")["role"] != "master":
            raise RefusedError(f"{named(address)} was given a master meanwhile.", "Find out by whom.")
        for name, value in (
            ("masterauth", master.address.password or ""),
            ("masteruser", ""),
            ("repl-diskless-load", "swapdb"),
            ("repl-diskless-sync-delay", "0"),
            ("replica-read-only", "yes"),
            ("replica-serve-stale-data", "yes"),
            ("tls-replication", "no"),
        ):
            if name in journal.configuration:
                call(client, "CONFIG", "SET", name, value)
        pause.check()
        _follow(client, master, pause)
        _wait_for_link(client, address, master, journal.marker, pause)
        keep(client, pause)


def _end_no_keys(master: ScratchServer) -> None:
    """Let keys whose time ends be removed by the target alone, when it is a master again.

    Each that the master removed would be a write in its stream, and a paused target takes none: the link
    would stand still.
    """
    try:
        call(master.client, "DEBUG", "SET-ACTIVE-EXPIRE", 0)
    except RedisError as error:
        raise OpsError(f"The scratch server ended ({error}).", "Run the restore again.") from error


def _follow(client: redis.Redis, master: ScratchServer, pause: WritePause) -> None:
    """Give a paused target its master, unless it took writes since it was paused: no copy has those.

    The server counts in the same breath in which it becomes a replica, before it can load: both commands go
    out in one piece, and nothing comes in between.
    """
    pause.check_quiet(changes_of(call(client, "INFO", "persistence")))
    follow = encode([b"REPLICAOF", master.address.host.encode(), b"%d" % master.address.port])
    with raw(client) as exchange:
        _, counted = exchange([follow + encode([b"INFO", b"persistence"])], 2)
    try:
        pause.check_quiet(changes_of(counted))
    except UnreachableError:
        call(client, "REPLICAOF", "NO", "ONE")
        raise


def free(client: redis.Redis, address: RedisAddress, journal: RedisSwap) -> bool:
    """Make a paused target a master of its own; True when it was a replica, and so took no writes.

    Raises OpsError when it follows a master that is not ours.
    """
    _wait_until_loaded(client)
    info = client.info("replication")
    replica = str(info["role"]) != "master"
    if replica:
        if int(info["master_port"]) != journal.master_port:
            raise OpsError(
                f"{named(address)} is now a replica of {info['master_host']}:{info['master_port']}.",
                "Make it a master, then run any `synapse` command to end the interrupted restore.",
            )
        call(client, "REPLICAOF", "NO", "ONE")
    return replica


def configure(client: redis.Redis, configuration: Mapping[str, str]) -> None:
    """Give the target back the configuration that it had."""
    for name, value in configuration.items():
        call(client, "CONFIG", "SET", name, value)


def keep(client: redis.Redis, pause: WritePause) -> None:
    """Return when the target's disk holds what its memory holds, if it keeps its data at all."""
    info = client.info("persistence")
    if not info["aof_enabled"]:
        if client.config_get("save").get("save"):
            _snapshot(client, pause)
        return
    began = int(info["aof_rewrites"])
    deadline = time.monotonic() + _REWRITE_LIMIT_S
    while time.monotonic() < deadline:
        pause.check()
        info = client.info("persistence")
        if not info["aof_rewrite_in_progress"]:
            good = info["aof_last_bgrewrite_status"] == "ok" and info["aof_last_write_status"] == "ok"
            if good and not info["aof_rewrite_scheduled"]:
                return
            if not good and int(info["aof_rewrites"]) >= began + _REWRITES:
                raise OpsError("The target could not write the data into its AOF.", _FULL_DISK)
            if not info["aof_rewrite_scheduled"]:
                call(client, "BGREWRITEAOF")
        time.sleep(_POLL_S)  # a server tells of its rewrite only when asked
    raise OpsError("The target did not finish writing its AOF.", _FULL_DISK)


def _snapshot(client: redis.Redis, pause: WritePause) -> None:
    """Have a target without an AOF write its RDB file, from which it would start."""
    _wait_for_child(client, pause)
    call(client, "BGSAVE")
    _wait_for_child(client, pause)
    if client.info("persistence")["rdb_last_bgsave_status"] != "ok":
        raise OpsError("The target could not write the data into its RDB file.", _FULL_DISK)


def _wait_for_child(client: redis.Redis, pause: WritePause) -> None:
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        pause.check()
        time.sleep(_POLL_S)  # as above


def _wait_until_loaded(client: redis.Redis) -> None:
    deadline = time.monotonic() + _REWRITE_LIMIT_S
    while client.info("persistence")["loading"]:
        if time.monotonic() > deadline:
            raise OpsError("The target did not finish loading.", "Look at its log.")
        time.sleep(_POLL_S)  # as above


def _wait_for_link(
    client: redis.Redis, address: RedisAddress, master: ScratchServer, marker: str, pause: WritePause
) -> None:
    heard = time.monotonic()
    progress: tuple[object, ...] = ()
    while time.monotonic() - heard < _LINK_LIMIT_S:
        pause.check()
        if not master.alive:
            raise _ended(address)
        info = client.info("replication")
        if info.get("master_port") != master.address.port:
            raise OpsError(f"{named(address)} was given another master.", "Find out by whom.")
        if info["master_link_status"] == "up" and _caught_up(info, master, address) and holds(client, marker):
            return
        now = (
            info.get("master_sync_in_progress"),
            info.get("master_sync_read_bytes"),
            info["slave_repl_offset"],
            client.info("persistence").get("loading_loaded_bytes"),
        )
        if now != progress:
            progress, heard = now, time.monotonic()
        time.sleep(_POLL_S)  # a server tells of its link only when asked
    pause.check()
    raise UnreachableError(
        f"{named(address)} got no copy from the scratch server {master.address.host}:{master.address.port}.",
        "Set SYNAPSE_SCRATCH_ADDRESS to an address of this machine that the target can reach.",
    )


def _caught_up(info: Mapping[str, object], master: ScratchServer, address: RedisAddress) -> bool:
    try:
        offset = int(master.client.info("replication")["master_repl_offset"])
    except RedisError as error:
        raise _ended(address) from error
    return int(str(info["slave_repl_offset"])) >= offset


def _ended(address: RedisAddress) -> OpsError:
    return OpsError(
        f"The scratch server ended while {named(address)} was loading from it.",
        "See whether this machine ran out of memory, then run the restore again.",
    )
