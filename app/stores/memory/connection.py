"""Connections that look the server's name up before they connect, so that an unknown name is told as such.

uvloop forgets the look-up of a connection that is given up: what it finds afterwards lands in the log as an
error that nobody retrieved.
"""

import asyncio
import socket

from redis.asyncio import Connection, Redis, SSLConnection

_LOOK_UP_S = 2.0
"""Below the patience of the look at health, which would otherwise say only that nothing answered."""


class _Named(Connection):
    async def connect_check_health(
        self,
        check_health: bool = True,  # noqa: FBT001, FBT002  # as the library calls it
        retry_socket_connect: bool = True,  # noqa: FBT001, FBT002  # as the library calls it
    ) -> None:
        if not self.is_connected:
            await _look_up(self.host, int(self.port))
        await super().connect_check_health(check_health, retry_socket_connect)


class _NamedTls(_Named, SSLConnection):
    pass


def look_names_up(client: Redis) -> Redis:
    """Have a client look names up first; a name that is not found within two seconds is an OSError."""
    tls = issubclass(client.connection_pool.connection_class, SSLConnection)
    client.connection_pool.connection_class = _NamedTls if tls else _Named
    return client


async def _look_up(host: str, port: int) -> None:
    try:
        async with asyncio.timeout(_LOOK_UP_S):
            await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise OSError(f"the name {host} was not found within {_LOOK_UP_S:g} s") from error
