"""Counts failed sign-ins, so that a token cannot be guessed fast; whoever guesses locks out nobody else."""

import ipaddress
from collections.abc import Callable

_AT_ONCE = 10
_EVERY_S = 5.0
_CLIENTS = 1_000


class Attempts:
    """Lets each client fail ten times at once, then once every five seconds.

    Per worker, in memory, for the last thousand clients that failed; `clock` gives seconds that never run
    backwards. Who sends the token with each request, or has signed in before, is not counted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._free_at: dict[str, float] = {}

    def wait(self, client: str) -> float:
        """Return after how many seconds a client may try again; 0 when it may now."""
        free_at = self._free_at.get(_network(client), 0.0)
        return max(0.0, free_at - self._clock() - (_AT_ONCE - 1) * _EVERY_S)

    def failed(self, client: str) -> None:
        """Note that a client showed what is not the token."""
        network = _network(client)
        free_at = max(self._free_at.pop(network, 0.0), self._clock()) + _EVERY_S
        self._free_at[network] = free_at
        if len(self._free_at) > _CLIENTS:
            self._free_at.pop(next(iter(self._free_at)))


def _network(client: str) -> str:
    """Return what one client has to itself: an IPv4 address, or the 64 bits of an IPv6 one."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 4:  # noqa: PLR2004  # the version's own name
        return client
    return str(ipaddress.ip_network((address, 64), strict=False))
