"""A real Redis or Valkey that a test may kill and start again, and a restore process to be killed."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipelines.ops.backup import take_backup
from pipelines.ops.capture.documents import CapturedFaiss, capture_collections
from pipelines.ops.capture.redis_wire import CapturedRedis, capture_redis
from pipelines.ops.context import Context
from pipelines.ops.model import RedisDigest
from pipelines.ops.proof.proving import digest_of
from pipelines.ops.redis.boot import Scratch, boot, program_for
from pipelines.ops.redis.programs import installed_programs
from pipelines.ops.reporting import SilentReporter, Stopwatch
from pipelines.ops.repository import Repository, store_at
from pipelines.ops.settings import load
from tests.ending import configure, ended, until_started
from tests.ports import free_port
from tests.waiting import wait_until

PASSWORD = "test-password"
PROGRAMS: dict[str, Path] = {program.version.family: program.path for program in installed_programs()}


@dataclass
class Stack:
    """A data folder, a repository and a Redis server of one family."""

    root: Path
    family: str
    extra: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    place: Mapping[str, str] = field(default_factory=dict)
    """Where the repository is, when not in a folder beside the data."""

    def start(self) -> None:
        """Start the server on what its folder holds, and wait until it answers."""
        with until_started(self.start_loading()):
            wait_until(self.answers, "Redis answers")

    def start_loading(self) -> "subprocess.Popen[bytes]":
        """Start the server, which then loads what its folder holds."""
        folder = self.root / "server"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"port {self.port}", "bind 127.0.0.1", f"requirepass {PASSWORD}", f"dir {folder}", 'save ""']
        lines += [
            "appendonly yes",
            "appendfsync everysec",
            f"logfile {folder}/log",
            "repl-diskless-sync-delay 0",
            *self.extra,
        ]
        command = [*self.launcher, str(PROGRAMS[self.family]), "-"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        with until_started(self.process):
            configure(self.process, lines)
        return self.process

    def answers(self) -> bool:
        """Say whether the server has loaded its data; fail with its log when it has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError((self.root / "server" / "log").read_text()[-2000:])
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Kill the server."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def client(self) -> redis.Redis:
        """Return a client that never waits long: tests ask again themselves."""
        return redis.Redis(port=self.port, password=PASSWORD, socket_timeout=30, retry=Retry(NoBackoff(), 0))

    @property
    def environ(self) -> dict[str, str]:
        """The settings."""
        return {
            "DATA_DIR": str(self.root / "data"),
            "SYNAPSE_REPOSITORY": str(self.root / "backups"),
            "SYNAPSE_SCRATCH_DIR": str(self.root / "scratch"),
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": PASSWORD,
            "API_PORT": "1",
            **self.place,
        }

    def work(self, **more: str) -> Context:
        """Make what the flows need."""
        settings = load(self.environ | more, env_file=None)
        return Context(
            settings=settings,
            repository=Repository.open_or_create(store_at(settings.repository)),
            scratch=Scratch(installed_programs(), settings.scratch),
            watch=Stopwatch(SilentReporter(), time.perf_counter),
        )

    def backup(self, work: Context) -> str:
        """Take a proven point; return its id."""

        def documents(spool: Path) -> CapturedFaiss | None:
            return capture_collections(work.data_dir / "faiss_indexes", spool)

        def cut(spool: Path) -> CapturedRedis:
            return capture_redis(work.settings.redis, spool)

        return take_backup(work, redis=cut, faiss=documents).ref.id

    def digest(self, work: Context) -> RedisDigest:
        """Digest what the server holds now."""
        with work.spool("digest") as spool:
            captured = capture_redis(work.settings.redis, spool)
            source = captured.source(())
            program = program_for(source, work.scratch)
            with boot(source, captured.folder, program, work.scratch) as server:
                return digest_of(work, server, "Digest")

    @contextmanager
    def restoring(self, point: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a restore as a process of its own, which ends with the block."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ops.restore.child", point],
            env=self.environ | {"PATH": "/usr/bin:/bin"},
            stderr=subprocess.DEVNULL,
        )
        with ended(process):
            yield process

    @contextmanager
    def backing_up(self) -> Iterator["subprocess.Popen[str]"]:
        """Run `synapse backup` as a process of its own; it prints the id of the point that it published."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ops.restore.backup_child"],
            env=self.environ | {"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with ended(process):
            yield process

    def state(self) -> tuple[str, list[str], dict[str, str]]:
        """Return the role, the function libraries and the configuration."""
        with self.client() as client:
            libraries = sorted(str(library) for library in client.function_list())
            return str(client.info("replication")["role"]), libraries, dict(client.config_get("*"))


@contextmanager
def stack(root: Path, family: str, *extra: str, place: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run a server on a new folder until the block ends; `place` is where its repository is, if elsewhere."""
    one = Stack(root, family, extra, place=place or {})
    try:
        one.start()
        yield one
    finally:
        one.kill()


class Writer:
    """A client that adds numbered keys as fast as it can and remembers which were acknowledged."""

    def __init__(self, target: Stack) -> None:
        self.acknowledged: list[int] = []
        self._target = target
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        client = self._target.client()
        while not self._stop.wait(0.001):
            number += 1
            try:
                client.set(f"written:{number}", number)
            except redis.RedisError:
                continue
            self.acknowledged.append(number)
        client.close()


def written(target: Stack) -> set[int]:
    """Return the writer's keys that the server holds."""
    with target.client() as client:
        return {int(key.split(b":")[1]) for key in client.scan_iter("written:*", count=5000)}
