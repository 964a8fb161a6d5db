"""Lays the shipped files where the image has them, starts nginx as the image does, tells what it answered.

Is run as a process of its own, with its own mounts and network; all but /tmp becomes read-only.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tests.app.doubles import serving
from tests.ending import ended
from tests.nginx.answers import ask
from tests.nginx.echo import Echo
from tests.nginx.front import CONFIGURATION
from tests.nginx.names import name_server
from tests.waiting import wait_until

USER = 101
PAGE = "/usr/share/nginx/html"


def main(page: Path, command: list[str], health_check: str) -> None:
    """Print one JSON object; `command` and `health_check` are those of the image."""
    _furnish(page)
    echo = Echo()
    with (
        name_server("127.0.0.11", 53),
        serving(echo.app(), "127.0.0.1", 8000),
        ended(_start(command)) as process,
    ):
        wait_until(lambda: _exit_code(health_check) == 0 or process.poll() is not None, "it is healthy")
        told = {
            "page": ask(8080, "/").body.decode(),
            "page6": ask(8080, "/", host="::1").body.decode(),
            "api": ask(8080, "/api/x").status,
            "writable": [
                place for place in ("/etc/nginx", PAGE, "/var/log", "/tmp") if os.access(place, os.W_OK)
            ],
            "busybox": _exit_code("busybox " + health_check.removeprefix("http_proxy= ")),
        }
        process.terminate()
        process.wait(20)
    sys.stdout.write(json.dumps(told | {"unhealthy": _exit_code(health_check)}))


def _furnish(page: Path) -> None:
    _raise_loopback()
    _run("mount", "--make-rprivate", "/")
    _run("mount", "--bind", str(CONFIGURATION), "/etc/nginx")
    _run("mount", "--bind", str(page), PAGE)
    _empty_tmp()
    for place in ("/etc/nginx", PAGE, "/"):
        _run("mount", "-o", "remount,bind,ro", place)


def _empty_tmp() -> None:
    checkout = CONFIGURATION.parents[1]
    inside = checkout.is_relative_to("/tmp")
    if inside:
        _run("mount", "--bind", str(checkout), "/mnt")
    _run("mount", "-t", "tmpfs", "tmpfs", "/tmp")
    if inside:
        checkout.mkdir(parents=True)
        _run("mount", "--bind", "/mnt", str(checkout))


def _raise_loopback() -> None:
    """Set IFF_UP (netdevice(7)); a new network has it down."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # An engine gives the user its own standard streams; a pipe of root's could not be opened again.
    out = Path("/tmp/stdout")
    out.touch()
    os.chown(out, USER, USER)
    with out.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            user=USER,
            group=USER,
            extra_groups=[],
            env={"PATH": "/usr/sbin:/usr/bin"},
        )


def _exit_code(command: str) -> int:
    return subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3])
