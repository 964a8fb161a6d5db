"""Runs the real service behind the real nginx, with a Redis and a model server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app.doubles import ModelServer, model_serving
from tests.app.processes import Server, redis_server, synapse
from tests.nginx.front import Front, front
from tests.ports import free_port

LARGEST = 1_000_000
"""MAX_DOCUMENT_BYTES of this backend: uploads may have 5 MB in all."""


@dataclass(frozen=True)
class Whole:
    """All of it; `folder` is the backend's."""

    web: Front
    model: ModelServer
    redis: Server
    folder: Path
    port: int

    def backend(self) -> AbstractContextManager[Server]:
        """Run the backend; the second time it finds the data of the first."""
        environ = {"MODEL_FAST_URL": self.model.url, "MAX_DOCUMENT_BYTES": str(LARGEST)}
        return synapse(self.folder, self.redis.port, environ=environ, port=self.port)


@contextmanager
def whole_in(folder: Path) -> Iterator[Whole]:
    """Run everything but the backend."""
    port = free_port()
    with redis_server(folder / "redis") as redis, model_serving() as model, front(port) as web:
        yield Whole(web, model, redis, folder, port)
