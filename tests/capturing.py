"""Capture a live server in a test and look at what was captured."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.ops.capture.redis_wire import CapturedRedis, capture_redis
from pipelines.ops.model import RedisDigest
from pipelines.ops.redis.boot import Scratch, boot, count_problems, program_for
from pipelines.ops.redis.digest import digest
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.scratch import ScratchServer
from tests.servers import LiveServer


@contextmanager
def booted(
    captured: CapturedRedis,
    scratch: Scratch,
    *,
    program: ServerProgram | None = None,
    reachable: str | None = None,
) -> Iterator[ScratchServer]:
    """Boot a capture as a proof does, with the key counts of the cut compared."""
    source = captured.source(())
    chosen = program or program_for(source, scratch)
    with boot(source, captured.folder, chosen, scratch, reachable=reachable) as server:
        assert count_problems(source, server) == ()
        yield server


def captured_digest(server: LiveServer, scratch: Scratch, spool: Path) -> RedisDigest:
    """Capture a server and digest the capture."""
    with booted(capture_redis(server.address, spool), scratch) as copy:
        return digest(copy.database)
