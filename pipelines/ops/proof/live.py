"""Digest a running Redis: capture it, boot the capture in a scratch server, digest that."""

from app.stores.memory.address import RedisAddress
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.context import Context
from pipelines.ops.model import RedisDigest
from pipelines.ops.proof.proving import digest_of
from pipelines.ops.redis.boot import boot, program_for


def live_digest(work: Context, address: RedisAddress, *, reading: str, comparing: str) -> RedisDigest:
    """Take the digest of what a server holds now; `reading` and `comparing` name the two steps."""
    with work.spool("live") as spool:
        with work.watch.step(reading) as advance:
            captured = capture_redis(address, spool, progress=advance)
        source = captured.source(())
        with boot(source, captured.folder, program_for(source, work.scratch), work.scratch) as server:
            return digest_of(work, server, comparing)
