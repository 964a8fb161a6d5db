"""A Docker engine for the tests: one of their own, or the one that SYNAPSE_TEST_DOCKER names.

`python -m tests.stack.engine` proves that one can be had here: it starts one, runs a container and ends it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NAMED = "SYNAPSE_TEST_DOCKER"
_START_S = 60.0
_STOP_S = 60.0
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
"""Debian's own client is asked before others: it knows BuildKit without a plug-in."""


class NoEngineError(Exception):
    """No Docker engine can be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers at `host`; `client` is the program that speaks to it."""

    host: str
    client: str

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment in which docker and compose use this engine."""
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}

    def docker(self, *arguments: str | Path, check: bool = True, timeout: float = 600.0) -> str:
        """Run a docker command; return what it prints on stdout."""
        done = subprocess.run(
            [self.client, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"docker {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def code(self, *arguments: str) -> int:
        """Run a docker command; return the code with which it ends."""
        asked = [self.client, *arguments]
        return subprocess.run(asked, env=self.environ, capture_output=True, check=False).returncode

    def version(self) -> str:
        """Return the version of the server."""
        return self.docker("version", "--format", "{{.Server.Version}}").strip()


@contextmanager
def engine() -> Iterator[Engine]:
    """Give an engine while the block runs. Raises NoEngineError."""
    client = shutil.which("docker", path=_SYSTEM_PATH) or shutil.which("docker")
    if client is None:
        raise NoEngineError("there is no docker program; Debian's package is docker.io")
    named = os.environ.get(NAMED)
    if named:
        yield Engine(named, client)
        return
    daemon = shutil.which("dockerd", path=f"{_SYSTEM_PATH}:{os.environ.get('PATH', '')}")
    if daemon is None or os.geteuid() != 0:
        raise NoEngineError(f"no dockerd may be started here; name an engine's address in {NAMED}")
    with tempfile.TemporaryDirectory(prefix="synapse-docker-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with _daemon(daemon, root) as host:
            yield Engine(host, client)


@contextmanager
def _daemon(program: str, root: Path) -> Iterator[str]:
    host = f"unix://{root}/docker.sock"
    command: list[str | Path] = [program, "--host", host, "--data-root", root / "data"]
    command += ["--exec-root", root / "run"]
    command += ["--pidfile", root / "pid", "--insecure-registry", "127.0.0.0/8"]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_up(process, root)
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]", root: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not (root / "docker.sock").exists() or not _answers(root):
        if process.poll() is not None or time.monotonic() > deadline:
            words = (root / "log").read_text(errors="replace").strip().splitlines()[-3:]
            raise NoEngineError(f"dockerd does not start: {' / '.join(words)}")
        time.sleep(0.05)  # a daemon that starts says nothing until it answers


def _answers(root: Path) -> bool:
    asked = ["curl", "-s", "-f", "--max-time", "5", "--unix-socket", f"{root}/docker.sock", "http://d/_ping"]
    return subprocess.run(asked, capture_output=True, check=False).stdout == b"OK"


def prove() -> str:
    """Run a program in a container of an engine; return the engine's version. Raises NoEngineError."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise NoEngineError("there is no busybox to run in a container; Debian's package is busybox-static")
    with engine() as found, tempfile.TemporaryDirectory() as folder:
        shutil.copy(busybox, Path(folder) / "busybox")
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nCOPY busybox /busybox\n")
        found.docker("build", "--quiet", "--tag", "synapse-prove", folder)
        said = found.docker("run", "--rm", "--network", "none", "synapse-prove", "/busybox", "echo", "runs")
        with suppress(AssertionError):
            found.docker("rmi", "synapse-prove")
        if said.strip() != "runs":
            raise NoEngineError(f"a container said {said!r}")
        return found.version()


if __name__ == "__main__":
    began = time.monotonic()
    try:
        print(f"Docker engine {prove()} runs containers here ({time.monotonic() - began:.1f} s).")  # noqa: T201  # a command
    except (NoEngineError, AssertionError) as error:
        sys.exit(f"No Docker engine: {error}")
