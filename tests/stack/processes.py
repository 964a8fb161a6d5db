"""Every process of a running container as the machine knows it: whose it is, and what it may."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.stack.compose import compose_command
from tests.stack.deployment import Deployment
from tests.waiting import wait_until

_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_NOT_YET = {"runc init ", ""}
"""What is not of the image yet, or no more.

The engine's own program is root until it becomes what it is told to start, and gives all rights up then. A
process that has ended has no words when nobody has taken note yet.
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `users` and `groups` are all it has, `may` all capabilities it has or could get."""

    command: str
    users: frozenset[int]
    groups: frozenset[int]
    may: int
    bound: bool
    """Whether nothing that it starts can have more rights than itself."""


def seen_until(made: Deployment, container: str, command: str) -> set[Process]:
    """Look at a container again and again until a process with those words runs; return all that were seen.

    Its init, its server, and what Docker runs in it besides: its health check, `docker exec`.
    """
    seen: set[Process] = set()
    identity = str(made.inspect(container)["Id"])

    def look() -> bool:
        seen.update(_running(identity))
        return any(command in process.command for process in seen)

    wait_until(look, f"{command} runs in {container}")
    return seen


def seen_in_ops(made: Deployment, *arguments: str) -> set[Process]:
    """Run `synapse` with those arguments, which must end well; return each process that its container had."""
    name = f"ops-{secrets.token_hex(4)}"
    files = [part for file in made.files for part in ("-f", file)]
    asked = ("inspect", "--format", "{{.State.Pid}}", name)
    with subprocess.Popen(
        [*compose_command(), *files, "run", "--rm", "-T", "--name", name, "ops", *arguments],
        cwd=made.folder,
        env=dict(made.engine.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: int(made.engine.docker(*asked, check=False).strip() or 0), "the command runs")
        identity = str(made.inspect(name)["Id"])
        seen: set[Process] = set()
        while process.poll() is None:
            seen.update(_running(identity))
    assert process.returncode == 0
    return seen


def check_unprivileged(seen: set[Process], owner: int) -> None:
    """Hold processes to it: nobody but the owner, no capability, and none to be had."""
    for process in seen:
        assert process.users == {owner}, process
        assert process.groups == {owner}, process
        assert process.may == 0, process
        assert process.bound, process


def _running(identity: str) -> Iterator[Process]:
    """Yield what runs under the limits of a container (its cgroup), however it was started."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            if identity in (folder / "cgroup").read_text():
                process = _read(folder)
                if process.command not in _NOT_YET:
                    yield process


def _read(folder: Path) -> Process:
    # First, so that what follows is true of the program that it names.
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    lines = dict(
        line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
    )
    return Process(
        command,
        frozenset(int(user) for user in lines["Uid"].split()),
        frozenset(int(group) for group in [*lines["Gid"].split(), *lines["Groups"].split()]),
        may=max(int(lines[name], 16) for name in _CAPABILITIES),
        bound=lines["NoNewPrivs"] == "1",
    )
