"""Ports of this machine: whether one is free, and which process has it when it is not."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipelines.ops.errors import RefusedError

_LISTEN = "0A"


def is_loopback(host: str) -> bool:
    """Say whether a host name means this machine alone."""
    return host == "localhost" or host.startswith("127.")


def refuse_taken(host: str, port: int, variable: str, *, purpose: str) -> None:
    """Raise RefusedError when a server could not listen there, naming who has the port and what to change."""
    with socket.socket() as probe:
        # As the servers do; without it a connection closed a minute ago would count as somebody.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise RefusedError(
                f"Port {port} of {host}, wanted for {purpose}, cannot be had:"
                f" {holder(port) or error.strerror or error}.",
                f"Stop what uses it, or set {variable} to another port.",
            ) from error


def holder(port: int) -> str | None:
    """Name the process that listens on a TCP port; None when nobody does, or where it cannot be told."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in sockets for handle in _handles(process)):
                name = (process / "comm").read_text().strip()
                return f"process {process.name} ({name}) has it"
    return "a process of another user has it"


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTEN:
                    yield fields[9]


def _handles(process: Path) -> Iterator[Path]:
    for handle in (process / "fd").iterdir():
        with suppress(OSError):
            handle.readlink()
            yield handle
