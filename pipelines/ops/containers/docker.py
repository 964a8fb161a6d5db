"""Ask Docker about the containers of the stack, by its command."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pipelines.ops.errors import OpsError, UnreachableError

PROJECT = "synapse"
SERVICES = ("redis", "backend", "frontend")
SCHEDULER = "scheduler"
"""The service that is there where COMPOSE_PROFILES asks for it."""
SCHEDULER_PROFILE = "schedule"
"""What COMPOSE_PROFILES names for it."""
EVERY_PROFILE = "*"
"""Compose takes it for all of them."""
SCHEDULER_HOST = "synapse-scheduler"
"""What its container calls itself, in every life."""
_LIMIT_S = 15.0
_LABEL = "com.docker.compose"
_SECRET = re.compile(r"PASSWORD|PASSPHRASE|TOKEN$|LOGIN$|SECRET|CREDENTIAL|(API|ACCESS|PRIVATE)_KEY")


@dataclass(frozen=True, slots=True)
class Container:
    """A container as `docker inspect` tells of it; `facts` are its words."""

    service: str
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name by which people know it."""
        return str(self.facts["Name"]).lstrip("/")

    @property
    def state(self) -> Mapping[str, Any]:
        """Whether it runs, since when, how it ended."""
        found: Mapping[str, Any] = self.facts["State"]
        return found

    @property
    def bounds(self) -> Mapping[str, Any]:
        """What it may use and do."""
        found: Mapping[str, Any] = self.facts["HostConfig"]
        return found

    @property
    def command(self) -> Sequence[str]:
        """What runs in it."""
        return [str(word) for word in self.facts["Config"].get("Cmd") or ()]

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that whoever may inspect it sees."""
        pairs = (str(line).partition("=") for line in self.facts["Config"].get("Env") or ())
        return {name: value for name, _, value in pairs}

    @property
    def folder(self) -> str | None:
        """The folder of the compose file from which it was made."""
        return (self.facts["Config"].get("Labels") or {}).get(f"{_LABEL}.project.working_dir")

    def published(self, port: int) -> str | None:
        """Return the address on this machine of a port of the container, or None when it is not published."""
        bound = (self.facts["NetworkSettings"]["Ports"] or {}).get(f"{port}/tcp")
        if not bound:
            return None
        host = str(bound[0]["HostIp"])
        shown = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what Docker calls all
        in_url = f"[{shown}]" if ":" in shown else shown
        return f"http://{in_url}:{bound[0]['HostPort']}"


class Asked:
    """The containers of the stack, asked for once: all who look at them see the same moment."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answer: dict[str, Container] | OpsError | None = None

    def __call__(self) -> Mapping[str, Container]:
        """Return them as `containers` does, and raise what it raises."""
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = containers()
                except OpsError as error:
                    self._answer = error
        if isinstance(self._answer, OpsError):
            raise type(self._answer)(self._answer.what, self._answer.hint)
        return self._answer


def containers() -> dict[str, Container]:
    """Return the containers of the stack by service, running or not. Raises OpsError, UnreachableError."""
    # What `docker compose run` leaves bears the name of the service as well.
    wanted = (f"{_LABEL}.project={PROJECT}", f"{_LABEL}.oneoff=False")
    filters = [word for label in wanted for word in ("--filter", f"label={label}")]
    ids = docker("ps", "--all", "--quiet", *filters).split()
    found = json.loads(docker("inspect", *ids)) if ids else []
    by_service = {facts["Config"]["Labels"].get(f"{_LABEL}.service"): facts for facts in found}
    return {name: Container(name, by_service[name]) for name in (*SERVICES, SCHEDULER) if name in by_service}


def is_secret_name(variable: str) -> bool:
    """Say whether a variable looks like a secret; one that names a file with it does not."""
    return _SECRET.search(variable) is not None and not variable.endswith("_FILE")


def logs(container: Container, *, since: str) -> list[str]:
    """Return what a container wrote since a time (`24h`), at most the last 2,000 lines."""
    return docker("logs", "--since", since, "--tail", "2000", container.name, also_errors=True).splitlines()


def docker(*arguments: str, also_errors: bool = False) -> str:
    """Run a docker command and return what it prints. Raises UnreachableError, OpsError with its words."""
    program = shutil.which("docker")
    if program is None:
        raise UnreachableError(
            "There is no docker program on this machine.",
            "Install Docker, or unset SYNAPSE_STACK if the stack runs without containers.",
        )
    command = [program, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(
            f"docker {arguments[0]} gave no answer within {_LIMIT_S:g} s.",
            "Look whether the Docker engine hangs.",
        ) from error
    if done.returncode == 0:
        return done.stdout + (done.stderr if also_errors else "")
    words = done.stderr.strip().splitlines()[-1:] or [f"it ended with code {done.returncode}"]
    if "daemon" in done.stderr:
        raise UnreachableError(
            f"Docker cannot be asked: {words[0]}",
            "Start the Docker engine, join the group docker, or set DOCKER_HOST to where it is.",
        )
    raise OpsError(f"docker {arguments[0]} failed: {words[0]}", "Run it by hand and look at what it says.")
