"""Real Redis and Valkey servers on free loopback ports, with a random password, ended by process."""

import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.stores.memory.address import RedisAddress
from pipelines.ops.redis.programs import ServerProgram, installed_programs
from tests.ending import configure
from tests.ports import free_port
from tests.waiting import wait_until

DEADLINE_S = 60.0
PROGRAMS = {program.version.family: program for program in reversed(installed_programs())}


@dataclass(slots=True)
class LiveServer:
    """A server that tests write to; `address` is where and how it lets one in."""

    program: ServerProgram
    folder: Path
    address: RedisAddress
    process: subprocess.Popen[bytes]

    def client(self, db: int = 0) -> redis.Redis:
        """Return a client that never retries."""
        return client_of(self.address, db)

    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "server.log").read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self.process.kill()
        self.process.wait()


def client_of(address: RedisAddress, db: int = 0) -> redis.Redis:
    """Return a client that decodes nothing."""
    return redis.Redis(
        host=address.host,
        port=address.port,
        username=address.username,
        password=address.password,
        db=db,
        ssl=address.tls,
        ssl_ca_certs=str(address.tls_ca) if address.tls_ca else None,
        socket_timeout=DEADLINE_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


@contextmanager
def live_server(
    program: ServerProgram, folder: Path, *lines: str, tls_ca: Path | None = None
) -> Iterator[LiveServer]:
    """Run a server with an AOF in `folder`; `lines` are further configuration, `tls_ca` means TLS alone."""
    folder.mkdir(parents=True, exist_ok=True)
    address = RedisAddress(
        "127.0.0.1", free_port(), password=secrets.token_hex(16), tls=tls_ca is not None, tls_ca=tls_ca
    )
    server = LiveServer(program, folder, address, _start(program, folder, address, lines))
    try:
        wait_until(lambda: _answers(server), "the server answers")
        yield server
    finally:
        server.kill()


@contextmanager
def started_again(server: LiveServer, *lines: str) -> Iterator[LiveServer]:
    """Run a killed server again on its folder, at the same address."""
    again = replace(server, process=_start(server.program, server.folder, server.address, lines))
    try:
        yield again
    finally:
        again.kill()


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Listen on a port and give each caller the same answer to whatever it says."""

    def answer_each() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                with caller, suppress(OSError):
                    while caller.recv(65536):
                        caller.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_each)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def checked(program: ServerProgram, path: Path, *options: str) -> str:
    """Run the server binary under the name of its AOF checker; return what it says, fail when it refuses."""
    name = f"{program.version.family}-check-aof"
    done = subprocess.run(
        [name, *options, str(path)], executable=program.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def info(client: redis.Redis, section: str) -> dict[str, Any]:
    """Return a section of INFO."""
    return dict(client.info(section))


def _start(
    program: ServerProgram, folder: Path, address: RedisAddress, lines: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    place = "tls-port" if address.tls else "port"
    configuration = [
        *(["port 0"] if address.tls else []),
        f"{place} {address.port}",
        "bind 127.0.0.1",
        f"requirepass {address.password}",
        f'dir "{folder}"',
        f'logfile "{folder}/server.log"',
        *('save ""', "appendonly yes", "appendfsync no", "auto-aof-rewrite-percentage 0"),
        *("repl-diskless-sync yes", "repl-diskless-sync-delay 0", "enable-debug-command yes"),
        *lines,
    ]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [str(program.path), "-"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"]},
        )
    configure(process, configuration)
    return process


def _answers(server: LiveServer) -> bool:
    assert server.process.poll() is None, server.log()[-2000:]
    with suppress(redis.RedisError), server.client() as client:
        return bool(client.ping())
    return False
