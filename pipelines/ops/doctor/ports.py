"""Ports: is what listens on ours Redis and the backend, or somebody else."""

import socket
from collections.abc import Iterator

import httpx

from pipelines.ops.doctor.backend import read_health
from pipelines.ops.doctor.check import Finding, Subject, green, red
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.localstack.ports import holder, is_loopback

_REPLY_S = 3.0
_TLS_ALERT = 0x15


def look_at_ports(subject: Subject) -> Iterator[Finding]:
    """Look at the ports of this machine; those of others are theirs."""
    service = subject.settings.service
    places = (
        ("REDIS_PORT", service.redis_host, service.redis_port, _is_redis),
        ("API_PORT", service.api_host, service.api_port, _is_backend),
    )
    for variable, host, port, ours in places:
        if not is_loopback(host):
            continue
        name = f"port {port}"
        who = holder(port)
        if who is None and not _listens(host, port):
            yield green(name, f"free for {variable}")
        elif ours(host, port):
            yield green(name, f"{who or 'what listens'} as {variable} expects")
        else:
            yield red(
                name,
                f"somebody else listens on {variable}={port}: {who or 'unknown'}",
                f"Stop it, or set {variable} to another port.",
            )


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _REPLY_S).close()
    except OSError:
        return False
    return True


def _is_redis(host: str, port: int) -> bool:
    """Every Redis answers PING in its protocol, be it with an error; one with TLS alone sends an alert."""
    try:
        with socket.create_connection((host, port), _REPLY_S) as peer:
            peer.sendall(b"PING\r\n")
            begin = peer.recv(1)
    except OSError:
        return False
    return begin in {b"+", b"-", bytes([_TLS_ALERT])}


def _is_backend(host: str, port: int) -> bool:
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=_REPLY_S, trust_env=False) as client:
        try:
            read_health(client)
        except UnreachableError as error:
            # A backend that is busy or restarting is still ours to judge by the line `backend`.
            return isinstance(error.__cause__, httpx.TimeoutException)
        except OpsError:
            return False
    return True
