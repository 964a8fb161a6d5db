"""A running stack for restore tests: a real server that can be killed and started again, and a collection."""

import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import redis

from app.domain import EmbeddingModel, NewDocument, Passage
from app.stores.index.faiss_index import FaissDocumentIndex
from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.redis.programs import ServerProgram
from tests.ending import configure, ended

MODEL = EmbeddingModel("test", 16, normalised=True)
WRITES = 3_000


@dataclass
class Stack:
    """A server on its port with an AOF, a data folder with a collection, and the commands against both."""

    program: ServerProgram
    folder: Path
    port: int = 0
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the server on what its folder holds, as a supervisor would."""
        self.port = self.port or _free_port()
        server = self.folder / "server"
        server.mkdir(exist_ok=True)
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"requirepass {self.password}",
            f"dir {server}",
            "appendonly yes",
            "appendfsync always",
            'save ""',
            "repl-diskless-sync-delay 0",
            f"logfile {server / 'log'}",
        ]
        deadline = time.monotonic() + 30
        while not self._started(lines):
            # The port stays taken until the rewrite of a killed server has noticed.
            assert time.monotonic() < deadline, (server / "log").read_text()[-2000:]

    def _started(self, configuration: Sequence[str]) -> bool:
        """Start the server once; False when it ended instead of answering."""
        self.process = subprocess.Popen([str(self.program.path), "-"], stdin=subprocess.PIPE)
        configure(self.process, configuration)
        while self.process.poll() is None:
            try:
                return bool(self.client().ping())
            except redis.RedisError:
                time.sleep(0.01)  # a server that boots says nothing until it answers
        return False

    def kill(self) -> None:
        """Kill the server."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def client(self) -> redis.Redis:
        """Connect."""
        return redis.Redis(port=self.port, password=self.password, socket_timeout=30, protocol=2)

    @property
    def environ(self) -> dict[str, str]:
        """The settings of this stack's commands."""
        return {
            **os.environ,
            "DATA_DIR": str(self.folder / "data"),
            "SYNAPSE_REPOSITORY": str(self.folder / "repository"),
            "SYNAPSE_SCRATCH_DIR": str(self.folder),
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": self.password,
            "API_PORT": "1",
        }

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.ops.cli", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command, which must end with `code`; return all that it prints."""
        with ended(self.begin(*arguments)) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return out + err

    def state(self) -> tuple[str, int]:
        """Return which documents are in use, and the server's small keys: `old` or `new` decides both."""
        index = FaissDocumentIndex.open(self.folder / "data", "documents", MODEL, merge_behind=False)
        ids = [document.id for document in index.list()]
        index.close()
        return ",".join(ids), int(self.client().dbsize())

    def add_document(self, name: str) -> None:
        """Store one document."""
        index = FaissDocumentIndex.open(self.folder / "data", "documents", MODEL, merge_behind=False)
        vector = np.random.default_rng(len(name)).standard_normal(MODEL.dimension).astype(np.float32)
        vector /= np.linalg.norm(vector)
        index.add(
            [NewDocument(id=name, title=name, text=name, passages=[Passage(0, len(name), name, vector)])]
        )
        index.close()

    def epochs(self) -> list[str]:
        """List the epochs on disk."""
        return CollectionFolder(indexes_root(self.folder / "data"), "documents").epochs()


def fill(client: redis.Redis, prefix: str) -> None:
    """Write some thousand small keys and a few other types."""
    with client.pipeline(transaction=False) as pipeline:
        for number in range(WRITES):
            pipeline.set(f"{prefix}:{number}", number)
        pipeline.xadd(f"{prefix}:stream", {"a": 1})
        pipeline.xgroup_create(f"{prefix}:stream", "group", "0")
        pipeline.xreadgroup("group", "me", {f"{prefix}:stream": ">"})
        pipeline.sadd(f"{prefix}:set", *range(500))
        pipeline.execute()


class Witness:
    """Writes numbered keys all the while and remembers which were acknowledged and when."""

    def __init__(self, stack: Stack) -> None:
        self.acknowledged: list[int] = []
        self._stack = stack
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join()

    def _write(self) -> None:
        client, number = self._stack.client(), 0
        while not self._leave.wait(0.001):
            try:
                client.set(f"witness:{number}", number)
            except redis.RedisError:
                client = self._stack.client()
            else:
                self.acknowledged.append(number)
            number += 1


def moments(seed: int, count: int, longest: float) -> list[float]:
    """Draw the seconds after which something is killed."""
    chance = random.Random(seed)
    return [chance.uniform(0.0, longest) for _ in range(count)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
