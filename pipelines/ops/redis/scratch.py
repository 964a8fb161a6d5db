"""Scratch servers: boot an AOF folder in a throw-away server that trusts nothing of what it loads.

Unprivileged, bounded in memory, password of one use, configuration over stdin, in a folder of mode 0700, on a
unix socket alone unless a target must reach it, and dead with its parent.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from app.stores.memory.address import RedisAddress
from pipelines.ops.confine import bounded, hand_over, unprivileged
from pipelines.ops.errors import DamagedError, OpsError
from pipelines.ops.redis.programs import ServerProgram

_SOCKET = "scratch.sock"
_LOG = "scratch.log"
_POLL_S = 0.005
_BOOT_LIMIT_S = 1800.0
_REPLY_LIMIT_S = 600.0
_LOG_BYTES = 1 << 18
_WORDS = 400
_NOISE = re.compile(
    r"ready to exit|REDIS BUG|=== |---|WARNING|oO0OoO0|version=|Configuration loaded|thread .* terminated"
    r"|STACK|config from stdin|Server initialized|lua-enable-insecure-api"
)
_OF_THIS_MACHINE = (
    (
        "Out Of Memory",
        "it needs more memory than it may use",
        "Give it more memory, or use a larger machine.",
    ),
    ("No space left", "the disk of its folder is full", "Free space, or set SYNAPSE_SCRATCH_DIR elsewhere."),
    ("listening", "its port was taken by another program", "Run the same command again."),
)
_SOCKET_PATH_LIMIT = 100


class ScratchServer:
    """A server booted on `<folder>/appendonlydir`; `client` speaks to it once it has loaded.

    `reachable` also opens a port on that address (loopback when a target on this machine must dial in);
    `without` are commands that it must not have. It dies with the thread that makes it.
    """

    def __init__(
        self,
        program: ServerProgram,
        folder: Path,
        *,
        reachable: str | None = None,
        databases: int = 16,
        memory: int | None = None,
        without: Collection[bytes] = (),
    ) -> None:
        self.folder = folder
        self.program = program
        self.password = secrets.token_urlsafe(32)
        self.port = _free_port(reachable) if reachable else 0
        self._address = reachable or "127.0.0.1"
        self._databases = databases
        self._without = without
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        hand_over(folder)
        self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._process = self._start(memory)
        except OSError as error:
            os.close(self._handle)
            raise OpsError(
                f"{program.path} cannot be started ({error.strerror}).",
                "Let every user read and execute it, or name another with SYNAPSE_REDIS_SERVER.",
            ) from error
        self.client = self._client()

    def __enter__(self) -> Self:
        try:
            self.wait_until_loaded()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> RedisAddress:
        """Where a target on this machine reaches it."""
        return RedisAddress(
            host=self._address,
            port=self.port,
            username=None,
            password=self.password,
            tls=False,
            tls_ca=None,
            db=0,
        )

    @property
    def alive(self) -> bool:
        """Say whether its process is still there."""
        return self._process.poll() is None

    def wait_until_loaded(self) -> None:
        """Return when the data is loaded. Raises DamagedError with the server's own reason."""
        deadline = time.monotonic() + _BOOT_LIMIT_S
        while time.monotonic() < deadline:
            try:
                self.client.ping()
            except BusyLoadingError:
                pass
            except RedisError as error:
                if self._process.poll() is not None:
                    raise self._ended() from error
            else:
                return
            time.sleep(_POLL_S)  # a server that boots says nothing until it answers
        raise OpsError(
            f"{self.program.version} did not load within {_BOOT_LIMIT_S:.0f} s.", "Look at its log."
        )

    def database(self, number: int) -> redis.Redis:
        """Return a client of another database."""
        return self._client(number)

    def close(self) -> None:
        """End the server; its folder stays with whoever made it."""
        self.client.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _start(self, memory: int | None) -> subprocess.Popen[bytes]:
        binary = os.open(self.program.path, os.O_RDONLY)
        log = os.open(self.folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        hand_over(self.folder / _LOG)
        try:
            # Run by descriptor, so that the unprivileged child needs no way to the program's or our folder.
            process = subprocess.Popen(
                [self.program.path.name, "-"],
                executable=f"/proc/self/fd/{binary}" if Path("/proc/self/fd").exists() else self.program.path,
                pass_fds=(binary,),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={},
                preexec_fn=bounded(memory=memory),  # noqa: PLW1509  # only calls prctl and setrlimit
                **unprivileged(),
            )
        finally:
            os.close(binary)
            os.close(log)
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin as configuration:
                configuration.write(self._configuration().encode())
        return process

    def _configuration(self) -> str:
        network = [f"port {self.port}", f"bind {self._address}"] if self.port else ["port 0"]
        taken = [f'rename-command {name.decode()} ""' for name in sorted(self._without)]
        return "\n".join(
            [
                *network,
                *taken,
                f"unixsocket ./{_SOCKET}",
                "unixsocketperm 700",
                f"requirepass {self.password}",
                f"databases {self._databases}",
                f"logfile ./{_LOG}",
                "dir ./",
                "appendonly yes",
                "appendfilename appendonly.aof",
                "appenddirname appendonlydir",
                "appendfsync no",
                "aof-load-truncated no",
                "auto-aof-rewrite-percentage 0",
                'save ""',
                "maxmemory 0",
                "maxmemory-policy noeviction",
                "maxclients 64",
                "sanitize-dump-payload yes",
                "enable-debug-command local",
                "repl-diskless-sync yes",
                "repl-diskless-sync-delay 0",
                "client-output-buffer-limit replica 0 0 0",
                "",
            ]
        )

    def _client(self, database: int = 0) -> redis.Redis:
        path = str(self.folder / _SOCKET)
        if len(path.encode()) > _SOCKET_PATH_LIMIT:
            path = f"/proc/self/fd/{self._handle}/{_SOCKET}"
        return redis.Redis(
            unix_socket_path=path,
            password=self.password,
            db=database,
            socket_timeout=_REPLY_LIMIT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )

    def _ended(self) -> OpsError:
        """Say why the server ended: for a reason of this machine, or because of its data."""
        words = self._words()
        version = self.program.version
        for sign, what, hint in _OF_THIS_MACHINE:
            if sign in words:
                return OpsError(f"A scratch {version} ended: {what}.", hint)
        if self._process.returncode == -signal.SIGKILL:
            return OpsError(
                f"A scratch {version} was killed from outside while it was loading.",
                "See whether this machine ran out of memory, and try again.",
            )
        return DamagedError(
            f"{version} does not start on this data: {words}.",
            "Run `synapse verify` on the restore point; use an older point if it is damaged.",
        )

    def _words(self) -> str:
        """Return the lines of the server's log that tell why it ended, or its exit code."""
        try:
            with (self.folder / _LOG).open("rb") as log:
                lines = log.read(_LOG_BYTES).decode(errors="replace").splitlines()
        except OSError:
            lines = []
        marked = [line.split(" # ", 1)[1] for line in lines if " # " in line]
        telling = [line.strip() for line in marked or lines if line.strip() and not _NOISE.search(line)]
        return " / ".join(telling)[:_WORDS] or f"it ended with code {self._process.returncode}"


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])
