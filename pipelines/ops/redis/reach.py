"""Which address of this machine a server elsewhere can dial."""

import socket
from ipaddress import ip_address

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import UnreachableError


def own_address(address: RedisAddress) -> str:
    """Return the address by which this machine reaches the server; loopback for one on this machine.

    No packet is sent: connecting a datagram socket only asks the routing table.
    """
    return _route(address)[0]


def on_this_machine(address: RedisAddress) -> bool:
    """Say whether a server's address belongs to this machine. Raises UnreachableError when it has none."""
    own, other = _route(address)
    return own == other or ip_address(other).is_loopback


def _route(address: RedisAddress) -> tuple[str, str]:
    """Return this machine's address on the way to a server, and the server's."""
    try:
        family, _, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(place)
            return str(probe.getsockname()[0]), str(place[0])
    except OSError as error:
        raise UnreachableError(
            f"No way to {address.host} ({error.strerror}).", "Set REDIS_HOST to where Redis runs."
        ) from error
