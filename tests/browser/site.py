"""The page as a browser gets it, built and under its policy, and a service behind it to be lost at will."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.app.processes import Server, redis_server, synapse
from tests.browser.beside import Beside, mark_restore
from tests.ending import ended
from tests.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "frontend"
MAX_DOCUMENT_BYTES = 50_000


class Site(Beside):
    """A page at `url` with its own backend, which `lose_backend` kills and `bring_back` starts again."""

    def __init__(self, folder: Path, redis_port: int, environ: dict[str, str]) -> None:
        self.url = ""
        self.port = free_port()
        self._folder = folder
        self._redis_port = redis_port
        self._environ = environ | {"MAX_DOCUMENT_BYTES": str(MAX_DOCUMENT_BYTES)}
        self._running = ExitStack()
        self._backend: Server | None = None

    @property
    def backend_url(self) -> str:
        """Where the backend is, without the page's server between."""
        return f"http://127.0.0.1:{self.port}"

    def bring_back(self) -> None:
        """Start the backend; return when it answers."""
        backend = synapse(self._folder, self._redis_port, port=self.port, environ=self._environ)
        self._backend = self._running.enter_context(backend)

    def lose_backend(self) -> None:
        """Kill the backend as a crash would."""
        assert self._backend
        self._backend.process.kill()
        self._running.close()

    def close(self) -> None:
        """End the backend."""
        self._running.close()

    def restoring(self, *, now: bool) -> None:
        """Lay the marker of a restore, or take it away."""
        mark_restore(self._folder / "data", now=now)


def node_environ() -> dict[str, str]:
    """Return an environment in which Node is found: the one that was installed for want of another first."""
    path = f"{ROOT / '.venv' / 'node' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path}


@contextmanager
def site_running(folder: Path, environ: dict[str, str] | None = None) -> Iterator[Site]:
    """Run Redis, the backend, and the built page in front of it."""
    with redis_server(folder / "redis") as redis:
        site = Site(folder, redis.port, environ or {})
        try:
            site.bring_back()
            with _page_served(site.backend_url, folder / "page.log") as site.url:
                yield site
        finally:
            site.close()


@contextmanager
def _page_served(backend_url: str, log: Path) -> Iterator[str]:
    port = free_port()
    command = ["node", "node_modules/vite/bin/vite.js", "preview", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=PAGE,
            env=node_environ() | {"VITE_API_URL": backend_url},
            stdout=said,
            stderr=said,
        )
        with ended(process):
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _serves(process, url, log), "the page is served")
            yield url


def _serves(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
