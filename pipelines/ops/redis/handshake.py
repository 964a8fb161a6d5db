"""The replica's side of the replication handshake (Redis replication protocol: REPLCONF, PSYNC)."""

import socket
import ssl
from typing import Protocol

import redis

from app.stores.memory.address import RedisAddress
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.redis.connection import encode, explain, named

_LINE_BYTES = 65536


class Wire(Protocol):
    """The part of a socket that the capture uses; TLS or plain."""

    def recv(self, count: int, /) -> bytes:
        """Receive up to `count` bytes."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def settimeout(self, seconds: float | None, /) -> None:
        """Bound each call."""

    def close(self) -> None:
        """Close."""


def command(*parts: str | bytes) -> bytes:
    """Encode a command as the wire carries it."""
    return encode([part.encode() if isinstance(part, str) else part for part in parts])


def dial(address: RedisAddress, *, timeout: float) -> Wire:
    """Open a socket and log in. Raises UnreachableError with the remedy."""
    try:
        wire = _opened(address, timeout)
    except OSError as error:
        raise explain(address, redis.ConnectionError(str(error))) from error
    try:
        _log_in(wire, address)
    except BaseException:
        wire.close()
        raise
    return wire


def _log_in(wire: Wire, address: RedisAddress) -> None:
    if address.password is None:
        return
    login = (address.username, address.password) if address.username else (address.password,)
    reply = ask(wire, address, "AUTH", *login)
    if not reply.startswith(b"+"):
        raise explain(address, redis.AuthenticationError(reply[1:].decode(errors="replace")))


def _opened(address: RedisAddress, timeout: float) -> Wire:
    plain = socket.create_connection((address.host, address.port), timeout=timeout)
    if not address.tls:
        return plain
    try:
        context = ssl.create_default_context(cafile=str(address.tls_ca) if address.tls_ca else None)
        return context.wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def ask(wire: Wire, address: RedisAddress, *parts: str) -> bytes:
    """Send one command and return its one-line answer without the line end."""
    try:
        wire.sendall(command(*parts))
        return line(wire)
    except OSError as error:
        raise explain(address, redis.ConnectionError(str(error))) from error


def line(wire: Wire) -> bytes:
    """Read one line byte by byte, so that nothing behind it is swallowed; empty lines are heartbeats."""
    read = bytearray()
    while not read.endswith(b"\n"):
        byte = wire.recv(1)
        if not byte:
            raise ConnectionError("the server closed the connection")
        if byte == b"\n" and not read:
            continue
        read += byte
        if len(read) > _LINE_BYTES:
            raise ConnectionError("the server answered with an endless line")
    return bytes(read).rstrip(b"\r\n")


def begin_sync(wire: Wire, address: RedisAddress, *, version: str | None) -> tuple[str, int]:
    """Ask for a full copy; return the replication id and the offset at which its stream begins.

    `version` is sent to Valkey so that it writes its own RDB version (else an older one without field TTLs);
    a server that does not know this option says so, and nothing is lost.
    """
    if version:
        ask(wire, address, "REPLCONF", "version", version)
    ask(wire, address, "REPLCONF", "capa", "eof", "capa", "psync2")
    reply = ask(wire, address, "PSYNC", "?", "-1").decode(errors="replace")
    words = reply.split()
    if words[:1] == ["+FULLRESYNC"] and len(words) == 3:  # noqa: PLR2004  # the reply is three words
        return words[1], int(words[2])
    raise _refused(address, reply)


def _refused(address: RedisAddress, reply: str) -> OpsError:
    if reply.startswith(("-NOPERM", "-NOAUTH")):
        return explain(address, redis.exceptions.NoPermissionError(reply[1:]))
    if reply.startswith(("-LOADING", "-NOMASTERLINK", "-MASTERDOWN")):
        return UnreachableError(
            f"{named(address)} cannot serve a copy now ({reply[1:]}).", "Try again shortly."
        )
    return UnreachableError(
        f"{named(address)} refuses replication (PSYNC answered {reply!r}).",
        "Some managed services forbid it: save its AOF folder from the disk (--aof-folder FOLDER), or key by"
        " key, which is not one moment (--by-keys).",
    )
