"""What tests of the local stack share: settings on free ports, the command as a process, its children."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.ops.reporting import SilentReporter
from pipelines.ops.settings import OpsSettings, load

DEADLINE = 60.0
PASSED_ON = ("PATH", "HOME", "LANG")


class Notes(SilentReporter):
    """Keeps the lines that would be shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


def environment(folder: Path, **given: str) -> dict[str, str]:
    """Return an environment for a stack of its own, on free ports and with nothing but `given`."""
    redis_port, api_port = free_ports()
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **kept,
        "DATA_DIR": str(folder / "data"),
        "SYNAPSE_REPOSITORY": str(folder / "repository"),
        "REDIS_PORT": str(redis_port),
        "API_PORT": str(api_port),
        **given,
    }


def settings_of(environ: Mapping[str, str]) -> OpsSettings:
    """Read settings as the command does, without the `.env` of the place where tests run."""
    return load(environ, env_file=None)


def free_ports() -> tuple[int, int]:
    """Return two ports of loopback that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@dataclass(frozen=True)
class Command:
    """`synapse up --json` as a process, and what it printed when it was up."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def children(self) -> list[int]:
        """The processes that it started and that are still there, zombies too."""
        return descendants(self.process.pid)


@contextmanager
def synapse_up(folder: Path, environ: Mapping[str, str], *options: str) -> Iterator[Command]:
    """Run the command until it says that it is up; end it by force if the test did not end it."""
    process = start_up(folder, environ, *options)
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, (folder / "talk").read_text()
        yield Command(process, json.loads(line))
    finally:
        finish(process)


def start_up(folder: Path, environ: Mapping[str, str], *options: str) -> subprocess.Popen[str]:
    """Start the command; its talk goes to the file `talk`."""
    command = [
        sys.executable,
        "-c",
        "from pipelines.ops.cli.main import run; run()",
        "up",
        "--json",
        *options,
    ]
    with (folder / "talk").open("a") as talk:
        return subprocess.Popen(
            command, env=dict(environ), cwd=folder, stdout=subprocess.PIPE, stderr=talk, text=True
        )


def finish(process: subprocess.Popen[str]) -> None:
    """Kill a process that is left and close its pipe."""
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=DEADLINE)


def descendants(pid: int) -> list[int]:
    """Return every process below one, by asking the system."""
    below: list[int] = []
    for parent, child in _families():
        if parent == pid:
            below += [child, *descendants(child)]
    return below


def alive(pids: list[int]) -> list[int]:
    """Return those of the processes that exist and are no zombies."""
    return [pid for pid in pids if _state(pid) not in {"", "Z"}]


def _families() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(") ")[2].split()
            yield int(fields[1]), int(path.parent.name)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0]
    except OSError:
        return ""
