"""Which address of this machine a server elsewhere can dial."""

import socket

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import UnreachableError


def own_address(address: RedisAddress) -> str:
    """Return the address by which this machine reaches the server; loopback for one on this machine.

    No packet is sent: connecting a datagram socket only asks the routing table.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(place)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise UnreachableError(
            f"No way to {address.host} ({error.strerror}).", "Set REDIS_HOST to where Redis runs."
        ) from error
