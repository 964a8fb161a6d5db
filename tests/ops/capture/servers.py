"""Real Redis and Valkey servers in a test's folder, on a unix socket, ended with the test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from pipelines.ops.redis.programs import ServerProgram, installed_programs
from tests.waiting import wait_until

PROGRAMS: dict[str, ServerProgram] = {str(program.version): program for program in installed_programs()}


@contextmanager
def running(program: ServerProgram, folder: Path, *options: str) -> Iterator[Any]:
    """Run a server with `dir folder`; give its client."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", "0", "--unixsocket", "s.sock", "--dir", str(folder), "--save", "", *options]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([str(program.path), *arguments], cwd=folder, stdout=log, stderr=log)
    client = redis.Redis(unix_socket_path=str(folder / "s.sock"), socket_timeout=30)
    try:
        wait_until(lambda: answers(client, process, folder), "the server answers")
        yield client
    finally:
        client.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(client: Any, process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Say whether a server has loaded; fail with its log when it has ended."""
    assert process.poll() is None, (folder / "server.log").read_text()[-2000:]
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def rewrite(client: Any) -> None:
    """Rewrite the AOF and wait until it is done."""
    wait_until(lambda: started(client), "a rewrite starts")
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the rewrite is done")


def started(client: Any) -> bool:
    """Start a rewrite unless one is under way."""
    try:
        client.bgrewriteaof()
    except redis.ResponseError:
        return False
    return True


def check(program: ServerProgram, manifest: Path, link_folder: Path) -> None:
    """Run the server binary under the name of its AOF checker; fail with what it says.

    The checker of Valkey 9 knows only the RDB mark of Redis, not its own (`VALKEY080`), and is left out.
    """
    if program.version.family == "valkey":
        return
    link_folder.mkdir(exist_ok=True)
    checker = link_folder / "redis-check-aof"
    checker.symlink_to(program.path)
    done = subprocess.run([str(checker), str(manifest)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
