"""A command in a container of its own, met at a stage: killed, stopped, continued, or waited for."""

import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.ending import ended
from tests.processes import below
from tests.stack.compose import compose_command
from tests.stack.deployment import Deployment
from tests.waiting import wait_until


class Begun:
    """A `synapse` command by `docker compose run ops`; `name` is its container."""

    def __init__(self, stack: Deployment, *arguments: str) -> None:
        self.stack = stack
        self.name = f"ops-run-{secrets.token_hex(4)}"
        files = [part for file in stack.files for part in ("-f", file)]
        command = [*compose_command(), *files, "run", "--rm", "-T", "--name", self.name, "ops"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=stack.folder,
            env=dict(stack.engine.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Asked for now: when it has come to a stage, the docker command would come too late.
        self._init = 0
        wait_until(self._runs, f"{arguments} runs")

    def come_to(self, reached: Callable[[], object]) -> None:
        """Return as soon as it has come to a stage: asked again at once, for some last only milliseconds."""
        while not reached():
            assert self.process.poll() is None, f"it was over before: {self.said()}"

    def kill(self) -> None:
        """Kill it by its process."""
        os.kill(self._init, signal.SIGKILL)
        self.process.wait(60)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop its processes below its init while the block runs."""
        pids = below(self._init)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Pause its container while the block runs."""
        self.stack.engine.docker("pause", self.name)
        yield
        self.stack.engine.docker("unpause", self.name, check=False)

    def said(self) -> str:
        """Wait for its end; return what it said."""
        return " ".join(self.process.communicate(timeout=120)[1].split())

    def _runs(self) -> bool:
        assert self.process.poll() is None, self.said()
        asked = ("inspect", "--format", "{{.State.Pid}}", self.name)
        self._init = int(self.stack.engine.docker(*asked, check=False).strip() or 0)
        return bool(self._init)


@contextmanager
def gone_afterwards(command: Begun) -> Iterator[None]:
    """See that the container of a command is gone when the block ends."""
    with ended(command.process):
        try:
            yield
        finally:
            command.stack.engine.docker("rm", "--force", command.name, check=False)


@contextmanager
def begun(stack: Deployment, *arguments: str) -> Iterator[Begun]:
    """Begin a command; its container is gone when the block ends."""
    command = Begun(stack, *arguments)
    with gone_afterwards(command):
        yield command
