"""Servers of this machine: one that listens on loopback is brought into the network of a container."""

from urllib.parse import SplitResult

import dagger

from pipelines.dag.session import Session

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def port_of(address: SplitResult) -> int:
    """Return the port of an http or https address, the usual one where none is named."""
    return address.port or (443 if address.scheme == "https" else 80)


def server_here(session: Session, port: int) -> dagger.Service:
    """Return what listens at a port of this machine, to be bound to a container under the same port."""
    return session.client.host().service([dagger.PortForward(backend=port, frontend=port)])
