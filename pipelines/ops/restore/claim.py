"""One restore at a time into one Redis, from whichever machine and DATA_DIR: who restores bears a name there.

The name is that of a connection, so that it is gone with the process that held it, and is in no data.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import redis
from redis.exceptions import RedisError

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import RefusedError
from pipelines.ops.redis.connection import call, connect, named, talking_to
from pipelines.ops.restore.pause import one_connection

NAME = "synapse-restore"
_RENEW_S = 2.0


def check_free(address: RedisAddress) -> None:
    """Raise RefusedError while a restore into this Redis is running."""
    with talking_to(address), connect(address) as client:
        _refuse(address, _claims(client))


@contextmanager
def claimed(address: RedisAddress) -> Iterator[None]:
    """Hold the right to restore into this Redis, and to end a restore into it.

    Raises RefusedError while another holds it; of two at the same time the one that connected first goes on.
    """
    with ExitStack() as held:
        with talking_to(address):
            client = held.enter_context(one_connection(address))
            call(client, "CLIENT", "SETNAME", NAME)
            own = int(client.client_id())
            _refuse(address, [number for number in _claims(client) if number < own])
        leave = threading.Event()
        thread = threading.Thread(target=_stay, args=(client, leave), name="claim", daemon=True)
        thread.start()
        held.callback(thread.join)
        held.callback(leave.set)
        yield


def _claims(client: redis.Redis) -> list[int]:
    return [int(peer["id"]) for peer in client.client_list() if peer["name"] == NAME]


def _refuse(address: RedisAddress, others: list[int]) -> None:
    if others:
        raise RefusedError(
            f"Another restore into {named(address)} is running (client {others[0]} there).",
            "Wait until it has ended; one whose machine was lost is forgotten after `tcp-keepalive` seconds.",
        )


def _stay(client: redis.Redis, leave: threading.Event) -> None:
    """Speak now and then: a server with a `timeout` closes what is idle. One that is gone has no claims."""
    while not leave.wait(_RENEW_S):
        try:
            client.client_id()
        except (RedisError, OSError):
            return
