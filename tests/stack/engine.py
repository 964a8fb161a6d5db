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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.stack.programs import NoEngineError, Programs, docker_client, later_programs, own_programs

__all__ = ["NAMED", "Engine", "NoEngineError", "engine", "own_engine_beside", "prove", "see_that_it_answers"]

NAMED = "SYNAPSE_TEST_DOCKER"
PROBES_STARTS = 25
"""The first version of the engine that knows `start_interval`."""
_START_S = 45.0
_STOP_S = 60.0
_ANSWER_S = 20.0
PROOF_S = 50.0
"""How long a proof may take, so that whoever runs the tests has its word within the first minute."""
_BESIDE = ("--bridge", "none", "--default-address-pool", "base=10.213.0.0/16,size=24")
"""No `docker0`, and other addresses than the engine that it runs beside.

It takes the other's `docker0` away, too: what needs the host by that bridge has a file that is run before.
"""


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

    @property
    def probes_starts(self) -> bool:
        """Say whether it knows `start_interval`."""
        return int(self.version().partition(".")[0]) >= PROBES_STARTS


@contextmanager
def engine() -> Iterator[Engine]:
    """Give an engine while the block runs, a later one than the machine's own if it can be had.

    Raises NoEngineError.
    """
    named = os.environ.get(NAMED)
    if named:
        yield Engine(named, docker_client())
        return
    try:
        programs = later_programs()
    except NoEngineError as error:
        sys.stderr.write(f"The machine's own engine has to do: {error}\n")
        programs = own_programs()
    with _started(programs) as found:
        yield found


@contextmanager
def own_engine_beside() -> Iterator[Engine]:
    """Give the machine's own engine while the block runs beside the other one. Raises NoEngineError."""
    if NAMED in os.environ:
        raise NoEngineError(f"{NAMED} names the only engine")
    with _started(own_programs(), *_BESIDE) as found:
        yield found


def see_that_it_answers(found: Engine) -> None:
    """Raise NoEngineError, within seconds, when nobody or nothing but silence is at its address."""
    try:
        found.docker("version", timeout=_ANSWER_S)
    except AssertionError as error:
        raise NoEngineError(f"{found.host} does not answer: {str(error).strip().splitlines()[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise NoEngineError(f"{found.host} gave no answer within {_ANSWER_S:g} s") from error


@contextmanager
def _started(programs: Programs, *options: str) -> Iterator[Engine]:
    if os.geteuid() != 0:
        raise NoEngineError(f"only root may start a dockerd; name an engine's address in {NAMED}")
    client = docker_client()
    root = Path(tempfile.mkdtemp(prefix="synapse-docker-"))
    try:
        with _daemon(programs, root, options) as host:
            yield Engine(host, client)
    finally:
        # Many thousand files: this takes a third of the time of a library's function.
        subprocess.run(["rm", "-rf", root], check=False)


@contextmanager
def _daemon(programs: Programs, root: Path, options: Sequence[str]) -> Iterator[str]:
    host = f"unix://{root}/docker.sock"
    command: list[str | Path] = [programs.dockerd, "--host", host, "--data-root", root / "data"]
    command += ["--exec-root", root / "run"]
    command += ["--pidfile", root / "pid", "--insecure-registry", "127.0.0.0/8", *options]
    environ = {**os.environ, "PATH": programs.path}
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, start_new_session=True)
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
    deadline = time.monotonic() + PROOF_S
    busybox = shutil.which("busybox")
    if busybox is None:
        raise NoEngineError("there is no busybox to run in a container; Debian's package is busybox-static")
    with engine() as found, tempfile.TemporaryDirectory() as folder:
        see_that_it_answers(found)
        shutil.copy(busybox, Path(folder) / "busybox")
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nCOPY busybox /busybox\n")
        try:
            _build_and_run(found, folder, deadline)
        except subprocess.TimeoutExpired as error:
            raise NoEngineError(f"{found.host} answers, but ran no container within {PROOF_S:g} s") from error
        return found.version()


def _build_and_run(found: Engine, folder: str, deadline: float) -> None:
    def docker(*arguments: str) -> str:
        return found.docker(*arguments, timeout=deadline - time.monotonic())

    docker("build", "--quiet", "--tag", "synapse-prove", folder)
    said = docker("run", "--rm", "--network", "none", "synapse-prove", "/busybox", "echo", "runs")
    with suppress(AssertionError):
        docker("rmi", "synapse-prove")
    if said.strip() != "runs":
        raise NoEngineError(f"a container said {said!r}")


if __name__ == "__main__":
    began = time.monotonic()
    try:
        print(f"Docker engine {prove()} runs containers here ({time.monotonic() - began:.1f} s).")  # noqa: T201  # a command
    except (NoEngineError, AssertionError) as error:
        sys.exit(f"No Docker engine: {error}")
