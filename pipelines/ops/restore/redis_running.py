"""A running Redis as one half of a restore: booted, checked, swapped, compared, and put back if it must."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from app.stores.memory.address import RedisAddress
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.context import Context
from pipelines.ops.errors import DamagedError, OpsError, RefusedError
from pipelines.ops.model import RedisDigest, RedisSource
from pipelines.ops.proof.proving import digest_of
from pipelines.ops.redis.boot import boot, count_problems, program_for
from pipelines.ops.redis.connection import connect, talking_to
from pipelines.ops.redis.digest import differences
from pipelines.ops.redis.reach import own_address
from pipelines.ops.redis.scratch import ScratchServer
from pipelines.ops.restore import swap
from pipelines.ops.restore.journal import RedisSwap
from pipelines.ops.restore.target import Target, inspect, memory_objections, objections


@dataclass(frozen=True, slots=True)
class ReadyRedis:
    """A point booted and found right, beside the target that will take it."""

    address: RedisAddress
    target: Target
    master: ScratchServer
    expected: RedisDigest
    journal: RedisSwap


def look_at(address: RedisAddress, source: RedisSource) -> Target:
    """Inspect the running target. Raises RefusedError with the first objection."""
    with talking_to(address), connect(address) as client:
        target = inspect(client)
    for what, hint in objections(target, source):
        raise RefusedError(what, hint)
    return target


@contextmanager
def made_ready(
    work: Context, source: RedisSource, folder: Path, *, restore: str, known: RedisDigest | None
) -> Iterator[ReadyRedis]:
    """Boot the fetched AOF under `folder` where the target can reach it, compare it, and look at the target.

    `known` is the digest of the point's proof; without one it is taken here. Raises RefusedError or
    DamagedError before anything is touched.
    """
    address = work.settings.redis
    target = look_at(address, source)
    program = program_for(source, work.scratch, master_of=target.version)
    own = work.settings.scratch_address or own_address(address)
    with ExitStack() as stack:
        with work.watch.step("Boot the point in a scratch server"):
            server = stack.enter_context(boot(source, folder, program, work.scratch, reachable=own))
        for problem in count_problems(source, server):
            raise DamagedError(f"The restore point is not what its manifest says: {problem}.", _OTHER_POINT)
        for what, hint in memory_objections(target, int(server.client.info("memory")["used_memory"])):
            raise RefusedError(what, hint)
        expected = known or digest_of(work, server, "Digest the point")
        yield ReadyRedis(
            address=address,
            target=target,
            master=server,
            expected=expected,
            journal=RedisSwap(
                host=address.host,
                port=address.port,
                master_port=server.port,
                configuration=target.configuration,
                marker=swap.mark(server.client, restore),
            ),
        )


def load(work: Context, ready: ReadyRedis, check: swap.Check) -> None:
    """Make the paused target swap its data and write it into its AOF."""
    master = swap.Master(ready.master.address, ready.master.client)
    with work.watch.step("Swap the data of Redis"):
        swap.replicate(ready.address, master, ready.journal, check)


def compare(work: Context, address: RedisAddress, expected: RedisDigest, spool: Path) -> None:
    """Capture the target again, boot that, and raise DamagedError unless its digest is the expected one."""
    with work.watch.step("Read the new data back from Redis") as advance:
        captured = capture_redis(address, spool / "compare", progress=advance)
    source = captured.source(())
    program = program_for(source, work.scratch)
    with boot(source, captured.folder, program, work.scratch) as server:
        found = digest_of(work, server, "Compare it with the point")
    problems = differences(expected, found)
    if problems:
        raise DamagedError(f"Redis does not hold what the point holds: {'; '.join(problems)}.", _ROLLED_BACK)


def finish(client: redis.Redis, journal: RedisSwap) -> None:
    """Make the target a master of its own, its configuration as before."""
    swap.promote(client, journal.configuration)


def put_back(work: Context, address: RedisAddress, journal: RedisSwap, safety: Path | None) -> bool:
    """Undo a swap: the old data stays or is swapped back from the safety copy's AOF under `safety`.

    Returns False when the new data is there and no safety copy was made, so that it had to stay.
    """
    with talking_to(address), connect(address) as client:
        if not swap.holds(client, journal.marker):
            swap.promote(client, journal.configuration)
            return True
        if safety is None:
            swap.wait_for_aof(client, lambda: None)
            swap.promote(client, journal.configuration)
            return False
    _load_safety(work, address, journal, safety)
    with talking_to(address), connect(address) as client:
        swap.promote(client, journal.configuration)
    return True


def _load_safety(work: Context, address: RedisAddress, journal: RedisSwap, safety: Path) -> None:
    with talking_to(address), connect(address) as client:
        version = inspect(client).version
    source = RedisSource(
        way="replication",
        server=version.family,
        version=".".join(map(str, version.version)),
        replid=None,
        offset=None,
        rdb_version=None,
        loadable_by=(),
        databases=None,
        files=(),
    )
    program = program_for(source, work.scratch, master_of=version)
    own = work.settings.scratch_address or own_address(address)
    with boot(source, safety, program, work.scratch, reachable=own) as server:
        old = journal.model_copy(update={"marker": swap.mark(server.client, "undone")})
        swap.replicate(address, swap.Master(server.address, server.client), old, lambda: None)


def reachable(address: RedisAddress) -> bool:
    """Say whether a Redis answers there at all; a refused password is an answer and raises."""
    try:
        with talking_to(address), connect(address, timeout=5.0) as client:
            client.ping()
    except OpsError as error:
        if isinstance(error.__cause__, redis.AuthenticationError | redis.ResponseError):
            raise
        return False
    return True


_OTHER_POINT = "Use another restore point; `synapse verify` tells which are good."
_ROLLED_BACK = "The restore was rolled back; run `synapse verify` on the point."
