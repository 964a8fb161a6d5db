"""The whole of production in containers, as a browser and a stranger meet it on its one port."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.browser.beside import Beside, mark_restore
from tests.browser.site import MAX_DOCUMENT_BYTES
from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.waiting import wait_until


class Whole(Beside):
    """What the tests of the page ask of a site, here with containers behind it."""

    def __init__(self, made: Deployment) -> None:
        self.made = made
        self.url = f"http://127.0.0.1:{made.ports['SYNAPSE_PORT']}"

    @property
    def headers(self) -> dict[str, str]:
        """What a program shows to be let in."""
        return {"Authorization": f"Bearer {self.made.token}"}

    def lose_backend(self) -> None:
        """Kill the container of the backend; it stays away."""
        self.lose("backend")

    def bring_back(self) -> None:
        """Start it; return when nginx finds it again."""
        self.start("backend")

    def lose(self, service: str) -> None:
        """Kill the container of a service; it stays away."""
        self.made.compose("kill", service)

    def start(self, service: str) -> None:
        """Start a service that was lost; return when the whole answers."""
        self.made.compose("start", service)
        wait_until(self._serves, f"all answers with {service}")

    def hang(self, service: str) -> None:
        """Stop every process of a service below its init, until its health check has it started again."""
        container = f"synapse_{service}"
        # One that was never well is given minutes to become so.
        wait_until(lambda: self.made.healthy(container), f"{container} was well once")
        self.made.strike(container, signal.SIGSTOP)

    def restoring(self, *, now: bool) -> None:
        """Lay the marker of a restore, or take it away."""
        mark_restore(self.made.folder / "data", now=now)

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def whole_stack(engine: Engine, folder: Path, files: Sequence[str] = QUICK, *more: str) -> Iterator[Whole]:
    """Run Redis, four workers of the backend, and nginx with the built page; `more` are lines of .env."""
    with deployed(engine, folder, files, f"MAX_DOCUMENT_BYTES={MAX_DOCUMENT_BYTES}", *more) as made:
        made.up()
        yield Whole(made)
