"""Runs a real nginx on the shipped configuration: only places and ports are others."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ending import ended
from tests.nginx.answers import Answer, ask
from tests.nginx.names import Names, name_server
from tests.nginx.programs import PROGRAMS
from tests.ports import free_port
from tests.waiting import wait_until

CONFIGURATION = Path(__file__).parents[2] / "frontend" / "nginx"
ROOT = os.geteuid() == 0
_NOBODY_SPECIAL = 23456
"""The user that nginx runs as when the tests run as root: it owns nothing, and has no name."""


@dataclass(frozen=True)
class Front:
    """An nginx that runs, its folder, and the name server that it asks for the backend."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    names: Names

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def page(self) -> Path:
        """The folder that it serves."""
        return self.folder / "html"

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask it, with the path exactly as given."""
        return ask(self.port, path, method, body, headers)

    def reload(self) -> None:
        """Have it read its configuration again, and wait for the new workers."""
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(self.workers() - before), "new workers run")

    def workers(self) -> set[int]:
        """Return the ids of its worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(child) for child in children.read_text().split()}

    def told(self, request: Answer | str) -> dict[str, Any]:
        """Return the line of the access log about a request, by its answer or id; it may be late."""
        name = request if isinstance(request, str) else request.one("X-Request-ID")

        def found() -> list[dict[str, Any]]:
            return [line for line in self.requests() if line["request_id"] == name]

        wait_until(lambda: bool(found()), f"the log tells of {name}")
        return found()[-1]

    def requests(self) -> list[dict[str, Any]]:
        """Return the lines of its access log."""
        log = (self.folder / "stdout").read_text(errors="replace")
        return [dict(json.loads(line)) for line in log.splitlines()]

    def errors(self) -> str:
        """Return its error log."""
        return (self.folder / "stderr").read_text()


@contextmanager
def front(backend_port: int, trusted: str | None = None, program: Path | None = None) -> Iterator[Front]:
    """Run nginx before a backend; `trusted` is the mounted file that names a TLS terminator."""
    # Not in pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory(prefix="synapse-nginx-") as made, name_server() as names:
        folder, port = Path(made), free_port()
        _lay(folder, port, backend_port, names.port)
        if trusted:
            (folder / "conf" / "trusted").mkdir()
            (folder / "conf" / "trusted" / "terminator.conf").write_text(trusted)
        # Where its user may read it.
        shutil.copy(program or next(iter(PROGRAMS.values())), folder / "nginx")
        with ended(_start(folder)) as process:
            running = Front(process, folder, port, names)
            try:
                wait_until(lambda: _listens(running), "nginx listens")
                yield running
            finally:
                # A master that is killed would leave its workers.
                process.send_signal(signal.SIGQUIT)
                process.wait(20)


def _lay(folder: Path, port: int, backend_port: int, names_port: int) -> None:
    folder.chmod(0o755)
    shutil.copytree(CONFIGURATION, folder / "conf")
    (folder / "html" / "assets").mkdir(parents=True)
    for path in (folder / "conf").glob("*.conf"):
        path.write_text(path.read_text().replace("/tmp/", f"{folder}/tmp/"))
    place = folder / "conf" / "place.conf"
    text = place.read_text()
    for shipped, here in {
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "listen [::]:8080;": f"listen [::1]:{port};" if _has_ipv6() else "",
        "/usr/share/nginx/html": f"{folder}/html",
        "backend:8000": f"backend:{backend_port}",
        "127.0.0.11": f"127.0.0.1:{names_port}",
    }.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    place.write_text(text)
    _lay_writable(folder)


def _lay_writable(folder: Path) -> None:
    (folder / "tmp").mkdir()
    for name in ("stdout", "stderr"):
        (folder / name).touch()
    if ROOT:
        for name in ("tmp", "stdout", "stderr"):
            os.chown(folder / name, _NOBODY_SPECIAL, _NOBODY_SPECIAL)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    user = _NOBODY_SPECIAL if ROOT else None
    command = [
        str(folder / "nginx"),
        "-c",
        str(folder / "conf" / "nginx.conf"),
        "-e",
        "stderr",
        "-g",
        "daemon off;",
    ]
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as errors:
        return subprocess.Popen(
            command,
            stdout=out,
            stderr=errors,
            cwd="/",
            env={},
            user=user,
            group=user,
            extra_groups=[] if ROOT else None,
        )


def _listens(running: Front) -> bool:
    assert running.process.poll() is None, running.errors()
    try:
        socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
    except OSError:
        return False
    return True


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
