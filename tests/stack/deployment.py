"""The stack in containers as an operator has it: compose files, secrets, data and backups in one folder."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis

from tests.ports import free_port
from tests.processes import below
from tests.stack.compose import PROJECT, compose_command
from tests.stack.engine import Engine
from tests.stack.standins import ARGUMENTS

DEVELOPMENT = ("docker-compose.yml", "docker-compose.override.yml")
PRODUCTION = ("docker-compose.yml", "docker-compose.production.yml")
PORTS = ("REDIS_PORT", "API_PORT", "PAGE_PORT", "SYNAPSE_PORT", "SYNAPSE_SCHEDULE_PORT")
"""The lines of .env that say where an installation is published."""
PROBES_STARTS = "deploy/compose/engine25.yml"
QUICK = (*PRODUCTION, "tests/stack/quick.yml")
UNHURRIED = (*PRODUCTION, "tests/stack/unhurried.yml")
_LAID = (*DEVELOPMENT, PRODUCTION[1], "deploy", "app", "frontend", "tests/stack")
SECRETS = ("redis_password", "api_token", "model_api_key", "embedding_api_key")
OWNER = 1000
"""Whom data and backups belong to, user and group."""
_UP_S = 300.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One installation; `files` are its compose files, `engine` runs its containers."""

    engine: Engine
    folder: Path
    files: tuple[str, ...]
    ports: dict[str, int]

    def compose(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = _UP_S,
        more: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a compose command in the folder; `more` are further variables of its environment."""
        files = [part for name in self.files for part in ("-f", name)]
        done = subprocess.run(
            [*compose_command(), *files, *arguments],
            cwd=self.folder,
            env={**self.engine.environ, **(more or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"compose {arguments}: {done.stdout}{done.stderr}"
        return done

    def ops(self, *arguments: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """Run a `synapse` command in the ops container, which must end with `code`; return what it prints."""
        done = self.compose("run", "--rm", "-T", "ops", *arguments, check=False, more=more)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def synapse(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `synapse` on the host, in the folder of the installation."""
        path = f"{Path(compose_command()[0]).parent}:{os.environ['PATH']}"
        return subprocess.run(
            [Path(sys.executable).parent / "synapse", *arguments],
            cwd=self.folder,
            env={**self.engine.environ, "PATH": path},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_UP_S,
            check=False,
        )

    def checklist(self) -> list[dict[str, Any]]:
        """Run `synapse doctor` on the host; return its lines; its code says whether one is red."""
        done = self.synapse("doctor", "--json")
        found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        assert done.returncode == (1 if any(one["state"] == "red" for one in found) else 0)
        return found

    def up(self, *services: str) -> float:
        """Start services and return how many seconds it took until they were healthy."""
        began = time.perf_counter()
        self.compose("up", "--detach", "--wait", "--no-build", *services)
        return time.perf_counter() - began

    def rendered(self) -> dict[str, Any]:
        """Return the configuration of every service of every profile as compose understands it."""
        found = json.loads(self.compose("--profile", "*", "config", "--format", "json").stdout)
        assert isinstance(found, dict)
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what Docker knows of a container."""
        found: dict[str, Any] = json.loads(self.engine.docker("inspect", container))[0]
        return found

    def started(self, container: str) -> str:
        """Return when a container was started."""
        return str(self.inspect(container)["State"]["StartedAt"])

    def healthy(self, container: str) -> bool:
        """Say whether Docker calls a container healthy."""
        return bool(self.inspect(container)["State"].get("Health", {}).get("Status") == "healthy")

    def init(self, container: str) -> int:
        """Return the process on this machine that is a container's first."""
        return int(self.inspect(container)["State"]["Pid"])

    def pids(self, container: str) -> list[int]:
        """Return the processes on this machine that are a container's server: all below its init."""
        return below(self.init(container))

    def strike(self, container: str, way: signal.Signals) -> None:
        """Send a signal to every process that is a container's server."""
        for pid in self.pids(container):
            with suppress(ProcessLookupError):  # it may end with the one before
                os.kill(pid, way)

    @property
    def password(self) -> str:
        """Return the password of Redis."""
        return (self.folder / "secrets" / "redis_password").read_text().strip()

    @property
    def token(self) -> str:
        """Return the token of the API."""
        return (self.folder / "secrets" / "api_token").read_text().strip()

    def redis(self, db: int = 0) -> redis.Redis:
        """Return a client on the published port."""
        return redis.Redis(port=self.ports["REDIS_PORT"], password=self.password, db=db, socket_timeout=30)

    @property
    def page(self) -> str:
        """Return where the page is published: that of Vite in development, of nginx in production."""
        return (
            f"http://127.0.0.1:{self.ports['PAGE_PORT' if DEVELOPMENT[1] in self.files else 'SYNAPSE_PORT']}"
        )

    def client(self) -> httpx.Client:
        """Return a client of the API as it is published, signed in."""
        port = self.ports["SYNAPSE_PORT" if self.files == PRODUCTION else "API_PORT"]
        return httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            trust_env=False,
        )


def laid_out(engine: Engine, folder: Path, files: Sequence[str], *more: str) -> Deployment:
    """Lay an installation out and start nothing; `more` are lines of its .env."""
    ports = {name: free_port() for name in PORTS}
    for name in _LAID:
        _copy(PROJECT / name, folder / name)
    _lay_secrets(folder)
    for name in ("data", "backups"):
        (folder / name).mkdir()
        os.chown(folder / name, OWNER, OWNER)
    lines = [f"{name}={value}" for name, value in (ports | ARGUMENTS).items()]
    lines += more
    lines += ["SYNAPSE_STACK=compose", f"COMPOSE_FILE={':'.join(files)}"]
    lines += [f"{name.upper()}_FILE=./secrets/{name}" for name in SECRETS]
    (folder / ".env").write_text("\n".join([*lines, ""]))
    return Deployment(engine, folder, tuple(files), ports)


@contextmanager
def deployed(engine: Engine, folder: Path, files: Sequence[str], *more: str) -> Iterator[Deployment]:
    """Lay an installation out, and take all of it down afterwards."""
    made = laid_out(engine, folder, files, *more)
    try:
        yield made
    finally:
        made.compose("--profile", "*", "down", "--volumes", "--timeout", "3", "--remove-orphans")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules", "dist", "__pycache__"))
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _lay_secrets(folder: Path) -> None:
    (folder / "secrets").mkdir(mode=0o700)
    for name in SECRETS:
        # Model servers here ask for no key.
        (folder / "secrets" / name).write_text("" if "key" in name else secrets.token_hex(24))
