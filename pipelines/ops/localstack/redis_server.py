"""The stack's Redis: which program, with which configuration, and when it is ready."""

import os
import re
from dataclasses import dataclass

from redis.exceptions import BusyLoadingError, RedisError

from pipelines.ops.errors import RefusedError
from pipelines.ops.localstack.child import Launch
from pipelines.ops.localstack.holding import private_folder
from pipelines.ops.localstack.ports import is_loopback, refuse_taken
from pipelines.ops.redis.connection import connect
from pipelines.ops.redis.programs import (
    ServerProgram,
    choose,
    embedded_program,
    identify,
    installed_programs,
)
from pipelines.ops.settings import OpsSettings

_REPLY_S = 2.0
_PLAIN = re.compile(rb"[A-Za-z0-9_./-]")
_KEEPING = (
    "appendonly yes",
    "appendfsync everysec",
    "appenddirname appendonlydir",
    "appendfilename appendonly.aof",
    'save ""',
    "maxmemory 256mb",
    # Cached answers have a time to live and may go; sessions have none and may not.
    "maxmemory-policy volatile-lru",
    "repl-diskless-sync yes",
    # A capture is a replica: it should not wait 5 s for others that might come.
    "repl-diskless-sync-delay 0",
    # A capture may fall behind by the whole data set (maxmemory) rewritten twice before it is dropped, and
    # by the whole set for as long as a slow disk stalls; with the data this stays below 1 GB of memory.
    "client-output-buffer-limit replica 512mb 256mb 120",
    "protected-mode yes",
    "daemonize no",
)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A Redis-compatible server on loopback, its data in the data folder, its password not on disk."""

    settings: OpsSettings
    title: str = "Redis"
    start_limit: float = 300.0
    stop_limit: float = 20.0

    def preflight(self) -> None:
        """Refuse settings that mean another Redis, and a port that is taken."""
        service = self.settings.service
        if not is_loopback(service.redis_host):
            raise RefusedError(
                f"REDIS_HOST={service.redis_host} is not this machine, where the stack runs Redis.",
                "Unset REDIS_HOST, or set it to 127.0.0.1.",
            )
        for variable, given in (
            ("REDIS_TLS", service.redis_tls),
            ("REDIS_USERNAME", service.redis_username not in {None, "default"}),
        ):
            if given:
                raise RefusedError(
                    f"{variable} is set, but the stack's own Redis has a password alone.",
                    f"Unset {variable}.",
                )
        refuse_taken(service.redis_host, service.redis_port, "REDIS_PORT", purpose="Redis")

    def launch(self) -> Launch:
        """Start it with its configuration over stdin, so that the password is in no argument and no file."""
        return Launch(
            argv=[str(server_program(self.settings).path), "-"],
            folder=private_folder(self.settings.redis_folder),
            environ={"PATH": os.defpath},
            stdin=self._configuration(),
        )

    def missing(self, pid: int) -> str | None:
        """Ask it with the password; it must be our process that answers."""
        try:
            with connect(self.settings.redis, timeout=_REPLY_S) as client:
                answering = int(client.info("server")["process_id"])
        except BusyLoadingError:
            return "it is still loading its data"
        except RedisError as error:
            return str(error)
        return None if answering == pid else f"process {answering} answers on its port"

    def _configuration(self) -> bytes:
        service = self.settings.service
        password = self.settings.redis.password or ""
        lines = [
            f"bind {'127.0.0.1' if service.redis_host == 'localhost' else service.redis_host}",
            f"port {service.redis_port}",
            f"requirepass {_quoted(password)}",
            "dir ./",
            *_KEEPING,
        ]
        return "\n".join([*lines, ""]).encode()


def server_program(settings: OpsSettings) -> ServerProgram:
    """Return the program that the settings name, else the embedded one, else the newest on this machine."""
    embedded = embedded_program()
    if settings.server is None and embedded is not None:
        return identify(embedded)
    return choose(installed_programs(settings.server), lambda _version: True, purpose="run the stack's Redis")


def _quoted(text: str) -> str:
    """Write any text as one argument of a configuration line."""
    escaped = (
        chr(byte) if _PLAIN.fullmatch(bytes([byte])) else f"\\x{byte:02x}" for byte in text.encode("utf-8")
    )
    return '"' + "".join(escaped) + '"'
